import net from "node:net";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { openSharedSocket, type SharedSocket } from "../../src/runtime/shared_socket.ts";
import type { ListenOptions, NetAddr, Transport, TransportSink, UnixAddr } from "../../src/runtime/transport.ts";
import { assert, assertEquals, assertRejects } from "../std/assert.ts";
import { bounded, gate } from "../helpers/waiting.ts";

const runtime = await detectRuntime();
const onBun = "Bun" in globalThis;
const deaf: TransportSink = { received() {}, ended() {}, drained() {}, closed() {} };

/** What a worker listens on. On Bun it is the parent's very descriptor here, gone once the listener is closed. */
function handed({ addr, kept }: SharedSocket): ListenOptions {
  return { ...kept, ...addr.transport === "unix" ? { path: addr.path } : {} };
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "shared-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Connects, and resolves once the listener has accepted it. */
async function connectTo(addr: NetAddr | UnixAddr, accepted: Promise<Transport>): Promise<void> {
  const connection = await bounded(runtime.connect(addr, () => deaf), "the connection");
  (await bounded(accepted, "the connection to be accepted")).close();
  connection.close();
}

Deno.test("openSharedSocket keeps a TCP socket that listens once it is handed over", async () => {
  const socket = await openSharedSocket({ hostname: "localhost", port: 0 });
  const { addr } = socket;
  assert(addr.transport === "tcp" && addr.port > 0);
  const accepted = gate<Transport>();
  const listener = await runtime.listen(handed(socket), (transport) => {
    accepted.open(transport);
    return deaf;
  });
  assertEquals(listener.addr, addr);
  await connectTo(addr, accepted.promise);
  await listener.close();
  if (!onBun) await socket.close();
});

Deno.test("openSharedSocket keeps a unix socket with its mode, whose file goes when it is closed", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s.sock");
    const socket = await openSharedSocket({ path, mode: 0o604 });
    assertEquals(socket.addr, { transport: "unix", path });
    assertEquals(statSync(path).mode & 0o777, 0o604);
    const accepted = gate<Transport>();
    const listener = await runtime.listen(handed(socket), (transport) => {
      accepted.open(transport);
      return deaf;
    });
    assertEquals(listener.addr, socket.addr);
    await connectTo({ transport: "unix", path }, accepted.promise);
    await listener.close();
    assert(existsSync(path), "the file is the parent's");
    if (!onBun) await socket.close();
    if (!onBun) assert(!existsSync(path));
  }));

Deno.test("openSharedSocket says why it cannot listen, as listen does", async () => {
  const first = await runtime.listen({ hostname: "127.0.0.1", port: 0 }, () => deaf);
  const { port } = first.addr as NetAddr;
  const message =
    `Cannot listen on 127.0.0.1:${port}: another process listens there; stop it, or choose another address ` +
    "(EADDRINUSE)";
  await assertRejects(() => openSharedSocket({ hostname: "127.0.0.1", port }), Error, message);
  await first.close();
  await assertRejects(
    () => openSharedSocket({ hostname: "192.0.2.1", port: 0 }),
    Error,
    "Cannot listen on 192.0.2.1:0: this machine has no such address (EADDRNOTAVAIL)",
  );
  await assertRejects(() => openSharedSocket({ path: "/no/such/folder/s.sock" }), Error, "create it first (ENOENT)");
  await inFolder(async (folder) => {
    const path = join(folder, "s.sock");
    const other = await runtime.listen({ path }, (transport) => {
      queueMicrotask(() => transport.close());
      return deaf;
    });
    await assertRejects(() => openSharedSocket({ path }), Error, "another process listens there");
    await other.close();
  });
});

Deno.test({
  name: "openSharedSocket says what to do on a runtime that has lost the way to share sockets",
  fn: async () => {
    const parts = onBun ? process as { getBuiltinModule?: unknown } : net as { _createServerHandle?: unknown };
    const name = onBun ? "getBuiltinModule" : "_createServerHandle";
    const part = Reflect.get(parts, name);
    Object.defineProperty(parts, name, { value: undefined, configurable: true, writable: true });
    try {
      await assertRejects(
        () => openSharedSocket({ hostname: "127.0.0.1", port: 0 }),
        Error,
        "let systemd open the socket (a .socket unit), or serve without workers",
      );
    } finally {
      Object.defineProperty(parts, name, { value: part, configurable: true, writable: true });
    }
  },
});
