// What process_deno_test.ts runs on each runtime: `process_child.mjs ROLE`.

import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Accept, Listener, NetAddr } from "../../src/runtime/transport.ts";

const runtime = await detectRuntime();
const echo: Accept = (transport) => ({
  received: (chunk) => void transport.write([chunk.slice()]),
  ended: () => transport.shutdown(),
  drained() {},
  closed() {},
});

function listen(accept: Accept = echo): Promise<Listener> {
  return runtime.listen({ hostname: "127.0.0.1", port: 0 }, accept);
}

/** Opens files until the system has no descriptor left for this process. */
function takeAll(taken: number[]): void {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    // None is left.
  }
}

const roles: Readonly<Record<string, () => Promise<void>>> = {
  /** Prints the port, and has nothing but the listener to stay for. */
  async listener() {
    const listener = await listen();
    listener.unref();
    listener.ref();
    console.log((listener.addr as NetAddr).port);
  },
  /** As `listener`; takes every descriptor there is while the last word that it was sent is "take". */
  async exhausted() {
    const taken: number[] = [];
    const listener = await listen((transport) => ({
      ...echo(transport),
      received(chunk) {
        if (new TextDecoder().decode(chunk) === "take") takeAll(taken);
        else for (const fd of taken.splice(0)) closeSync(fd);
        transport.write([chunk.slice()]);
      },
    }));
    console.log((listener.addr as NetAddr).port);
  },
  /** Ends, though listener and connection are open. */
  async unref() {
    const listener = await listen((transport) => {
      transport.unref();
      return echo(transport);
    });
    listener.unref();
    const transport = await runtime.connect(listener.addr as NetAddr, echo);
    transport.unref();
    console.log("open");
  },
  /** Stays for a connection alone, until the peer ends it. */
  async connection() {
    const listener = await listen((transport) => {
      listener.close();
      return echo(transport);
    });
    console.log((listener.addr as NetAddr).port);
  },
  /** Prints the inherited descriptor, and whether it can be listened on; says the same to the first who connects. */
  async inherited() {
    const fd = runtime.inheritedFd();
    if (fd === undefined) return console.log("none");
    try {
      const listener = await runtime.listen({ fd }, (transport) => {
        listener.close();
        transport.write([new TextEncoder().encode(`descriptor ${fd}, from ${transport.remoteAddr.transport}`)]);
        transport.shutdown();
        return { received() {}, ended() {}, drained() {}, closed() {} };
      });
      console.log(`${fd} listens, ${listener.addr.transport}`);
    } catch (error) {
      console.log(`${fd} rejected: ${(error as Error).message}`);
    }
  },
};

await roles[process.argv[2] ?? ""]?.();
