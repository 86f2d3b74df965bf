// Connecting to a host that does not answer: made of a listening socket that no one accepts from, its queue full.

import { createClient } from "@webfcgi/webfcgi/client";
import { nodeRuntime } from "../../src/runtime/node.ts";
import { assertEquals, assertRejects, fail } from "../std/assert.ts";
import { bounded, until } from "../helpers/waiting.ts";

// Linux tells which sockets are connecting, and drops what does not fit in a queue.
const ignore = Deno.build.os !== "linux";

/** How many sockets are connecting to a port: `SYN_SENT` is state 2 of Linux's list. */
function connectingTo(port: number): number {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = Deno.readTextFileSync("/proc/net/tcp").split("\n").map((row) => row.trim().split(/\s+/));
  return rows.filter(([, , to, state]) => to?.endsWith(remote) && state === "02").length;
}

/** Calls back with the port of a host to which connecting takes for ever. */
async function withDeafHost(visit: (port: number) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr as Deno.NetAddr;
  const waiting: Deno.Conn[] = [];
  try {
    for (let full = false; !full;) {
      const signal = AbortSignal.timeout(300);
      await Deno.connect({ hostname: "127.0.0.1", port, signal }).then((conn) => waiting.push(conn), () => full = true);
    }
    await visit(port);
    await until(() => connectingTo(port) === 0, "no socket to be connecting");
  } finally {
    for (const conn of waiting) conn.close();
    listener.close();
  }
}

Deno.test(
  "fetch leaves nothing behind when a host does not answer within connectTimeoutMs",
  { ignore },
  () =>
    withDeafHost(async (port) => {
      const client = createClient({ hostname: "127.0.0.1", port, connectTimeoutMs: 50 });
      const error = await assertRejects(() => bounded(client.fetch("/"), "fetch"), Error, "connectTimeoutMs, 50");
      assertEquals((error as { code?: unknown }).code, "LIMIT");
      await client.close();
    }),
);

Deno.test(
  "Client.capabilities leaves nothing behind when a host does not answer within headTimeoutMs",
  { ignore },
  () =>
    withDeafHost(async (port) => {
      const client = createClient({ hostname: "127.0.0.1", port, headTimeoutMs: 50 });
      await assertRejects(() => bounded(client.capabilities(), "capabilities"), Error, "headTimeoutMs, 50");
      await until(() => connectingTo(port) === 0, "no socket to be connecting");
      await client.close();
    }),
);

Deno.test(
  "Client.close leaves nothing behind while a host does not answer",
  { ignore },
  () =>
    withDeafHost(async (port) => {
      const client = createClient({ hostname: "127.0.0.1", port });
      const asked = assertRejects(() => client.fetch("/"), Error, "closed");
      await until(() => connectingTo(port) === 1, "a socket to be connecting");
      await bounded(client.close(), "close");
      await asked;
    }),
);

Deno.test(
  "Runtime.connect of node:net leaves nothing behind when its signal is aborted",
  { ignore },
  () =>
    withDeafHost(async (port) => {
      const abandon = new AbortController();
      const connected = (): never => fail("It has connected");
      const connecting = nodeRuntime().connect(
        { transport: "tcp", hostname: "127.0.0.1", port },
        connected,
        abandon.signal,
      );
      await until(() => connectingTo(port) === 1, "a socket to be connecting");
      abandon.abort();
      await assertRejects(() => bounded(connecting, "connect"), Error);
    }),
);
