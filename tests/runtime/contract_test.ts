import { execFileSync } from "node:child_process";
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { nodeRuntime } from "../../src/runtime/node.ts";
import type { Accept, Listener, ListenOptions, NetAddr, Runtime, UnixAddr } from "../../src/runtime/transport.ts";
import { HIGH_WATER_BYTES } from "../../src/runtime/write_queue.ts";
import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../std/assert.ts";
import { isBun, isDeno } from "../helpers/this_runtime.ts";
import { type Behaviour, firstDifference, pattern, Peer, recordAll, type Recorder } from "./recorder.ts";
import { latin1Bytes } from "../helpers/bytes.ts";
import { sleep, until, UNTIL_MS } from "../helpers/waiting.ts";

/**
 * The shim of this runtime; and the one that knows `node:net` from outside only, which serves inherited descriptors on
 * Deno, and on Node what its own falls back to.
 */
const shims: readonly (readonly [name: string, load: () => Promise<Runtime>])[] = [
  ["this runtime", detectRuntime],
  ...(isBun ? [] : [["node:net", () => Promise.resolve(nodeRuntime(isDeno ? "deno" : "other"))] as const]),
];

type Kind = "tcp" | "unix";

interface Scene {
  readonly runtime: Runtime;
  readonly listener: Listener;
  readonly recorders: Recorder[];
  /** Connects a peer and waits for its recorder. */
  connect(reading?: boolean): Promise<{ peer: Peer; recorder: Recorder }>;
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "transport-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Listens, runs `body`, closes everything, and checks that each transport was told of its end once and last. */
async function inScene(
  runtime: Runtime,
  kind: Kind,
  behaviour: Behaviour,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const { accept, recorders } = recordAll(behaviour);
    const listener = await runtime.listen(optionsFor(kind, folder), accept);
    const peers: Peer[] = [];
    try {
      await body({
        runtime,
        listener,
        recorders,
        async connect(reading = true) {
          const before = recorders.length;
          const peer = await Peer.connect(listener.addr, reading);
          peers.push(peer);
          await until(() => recorders.length > before, "the connection is accepted");
          return { peer, recorder: recorders[before] as Recorder };
        },
      });
    } finally {
      await listener.close();
      for (const recorder of recorders) recorder.call((transport) => transport.close());
      for (const peer of peers) await peer.close();
      await until(() => recorders.every(({ closes }) => closes > 0), "every transport is told that it is closed");
    }
    await sleep(5);
    for (const { closes, faults, ends } of recorders) {
      assertEquals(closes, 1);
      assertLess(ends, 2);
      assertEquals(faults, []);
    }
  });
}

function optionsFor(kind: Kind, folder: string): ListenOptions {
  return kind === "tcp" ? { hostname: "127.0.0.1", port: 0 } : { path: join(folder, "s.sock"), mode: 0o600 };
}

function test(name: string, body: (runtime: Runtime, shim: string) => Promise<void>, ignore = false): void {
  for (const [shim, load] of shims) {
    Deno.test({ name: `${name} (${shim})`, ignore, fn: async () => body(await load(), shim) });
  }
}

function testEach(name: string, behaviour: Behaviour, body: (scene: Scene, kind: Kind) => Promise<void>): void {
  for (const kind of ["tcp", "unix"] as const) {
    test(`${name} over ${kind}`, (runtime) => inScene(runtime, kind, behaviour, (scene) => body(scene, kind)));
  }
}

const echo: Behaviour = {
  onReceived: (transport, chunk) => void transport.write([chunk.slice()]),
  onEnded: (transport) => transport.shutdown(),
};

/** Takes no notice of a peer, and closes after it. */
const ignore: Accept = (transport) => ({
  received() {},
  ended: () => transport.close(),
  drained() {},
  closed() {},
});

testEach("Transport gives back what the peer sent when its sink echoes", echo, async ({ connect }, kind) => {
  const { peer, recorder } = await connect();
  const { remoteAddr } = recorder.transport;
  if (kind === "tcp") {
    const { hostname, port } = remoteAddr as NetAddr;
    assertEquals([hostname, port], ["127.0.0.1", peer.socket.localPort]);
  } else assertEquals(remoteAddr, { transport: "unix", path: "" });
  for (const word of ["a", "bc", "def"]) {
    const before = peer.bytes;
    peer.socket.write(word);
    await until(() => peer.bytes === before + word.length, "the echo comes back");
  }
  assertEquals(peer.text, "abcdef");
  peer.socket.end();
  await until(() => peer.ended && recorder.closes === 1, "both sides end");
  assertEquals(recorder.ends, 1);
  assertEquals(recorder.error, undefined);
});

testEach("Runtime.connect opens a transport when something listens", echo, async ({ runtime, listener }) => {
  const { accept, recorders } = recordAll();
  const transport = await runtime.connect(listener.addr as NetAddr | UnixAddr, accept);
  const [recorder] = recorders;
  assert(recorder);
  assertEquals(recorder.transport, transport);
  assertEquals(transport.remoteAddr, listener.addr);
  assert(transport.write([latin1Bytes("ping")]));
  await until(() => recorder.text === "ping", "the echo");
  transport.shutdown();
  await until(() => recorder.closes === 1, "both sides end");
  assertEquals([recorder.ends, recorder.error], [1, undefined]);
});

testEach("Transport.write keeps order when pieces of all sizes are gathered", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  const all = pattern(1_200_000);
  const pieces: Uint8Array[] = [];
  for (let at = 0, size = 0; at < all.length; at += size) {
    size = [1, 0, 8, 65_528, 300_000, 8, 5000, 16][pieces.length % 8] as number;
    pieces.push(all.subarray(at, at + size));
  }
  recorder.call((transport) => {
    transport.write(pieces.slice(0, 4));
    transport.write(pieces.slice(4, 5));
    transport.write([]);
    transport.write(pieces.slice(5));
  });
  await until(() => peer.bytes >= all.length, "all bytes arrive");
  assertEquals(firstDifference(peer.chunks, all), -1);
});

testEach("Transport.write loses nothing when the reader is slow", {}, async ({ connect }) => {
  const { peer, recorder } = await connect(false);
  const all = pattern(20_000_000);
  const half = all.length / 2;
  recorder.call((transport) => {
    assertEquals(transport.write([all.subarray(0, 100), all.subarray(100, half)]), false);
    assertEquals(transport.write([all.subarray(half)]), false);
    transport.shutdown();
  });
  await sleep(30);
  assertEquals(recorder.drains, 0);
  peer.read();
  await until(() => peer.ended, "the end arrives");
  assertEquals(firstDifference(peer.chunks, all), -1);
});

testEach("Transport.write bounds the queue when its answer is obeyed", {}, async ({ connect }) => {
  const { peer, recorder } = await connect(false);
  const piece = pattern(10_000);
  const total = 20_000_000;
  let written = 0;
  const writeOn = (): void => {
    while (written < total && recorder.call((transport) => transport.write([piece]))) written += piece.length;
    if (written < total) written += piece.length;
  };
  writeOn();
  assertLess(written, 8_000_000);
  // What goes on now goes into the system's buffers, which are full when nothing has drained for a while.
  for (let drains = -1; drains !== recorder.drains; await sleep(50)) {
    drains = recorder.drains;
    if (drains > 0) writeOn();
  }
  const stuck = written;
  assertLess(stuck, total);
  peer.read();
  let seen = recorder.drains;
  while (written < total) {
    await until(() => recorder.drains > seen, "drained is called");
    seen = recorder.drains;
    writeOn();
  }
  await until(() => peer.bytes >= total, "all bytes arrive");
  assertEquals(peer.bytes, written);
  assertGreater(written, stuck);
});

testEach("Transport.write takes little at once when nothing is queued", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  assertEquals(recorder.call((transport) => transport.write([new Uint8Array(HIGH_WATER_BYTES / 2)])), true);
  await until(() => peer.bytes === HIGH_WATER_BYTES / 2, "all bytes arrive");
});

testEach("Transport.pause stops the sender when it lasts", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  peer.socket.write("first");
  await until(() => recorder.bytes === 5, "the first bytes");
  recorder.call((transport) => transport.pause());
  await sleep(10);
  const total = 20_000_000;
  peer.socket.write(pattern(total));
  await sleep(150);
  assertLess(recorder.bytes, 1_100_000);
  assertGreater(peer.socket.writableLength, 1_000_000);
  recorder.call((transport) => transport.resume());
  await until(() => recorder.bytes === total + 5, "the rest");
  assertEquals(firstDifference(recorder.chunks.slice(1), pattern(total)), -1);
});

testEach("Transport.pause leaves the end of the peer unread when it came meanwhile", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  recorder.call((transport) => {
    transport.pause();
    transport.pause();
  });
  peer.socket.end("last words");
  await sleep(30);
  recorder.call((transport) => {
    transport.resume();
    transport.resume();
  });
  await until(() => recorder.ends === 1, "the end");
  assertEquals(recorder.text, "last words");
});

testEach("Transport.write reaches the peer when the peer has ended its side", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  peer.socket.end("request");
  await until(() => recorder.ends === 1, "the peer's end");
  await sleep(30);
  assertEquals(recorder.closes, 0);
  recorder.call((transport) => {
    transport.write([latin1Bytes("ans"), latin1Bytes("wer")]);
    transport.shutdown();
  });
  await until(() => peer.ended && recorder.closes === 1, "the answer");
  assertEquals([peer.text, recorder.text], ["answer", "request"]);
  assertEquals(recorder.error, undefined);
});

testEach("Transport.shutdown leaves reading open when the peer still sends", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  recorder.call((transport) => {
    transport.write([latin1Bytes("bye")]);
    transport.shutdown();
    transport.shutdown();
    assertEquals(transport.write([latin1Bytes("dropped")]), true);
  });
  await until(() => peer.ended, "our end");
  assertEquals(peer.text, "bye");
  peer.socket.end("still here");
  await until(() => recorder.closes === 1, "both sides ended");
  assertEquals([recorder.text, recorder.ends, recorder.error], ["still here", 1, undefined]);
});

testEach("Transport.close drops what follows when called", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  recorder.call((transport) => {
    transport.close();
    transport.close();
    transport.reset();
    assertEquals(transport.write([latin1Bytes("x")]), true);
    transport.pause();
    transport.resume();
    transport.shutdown();
    transport.ref();
    transport.unref();
  });
  assertEquals(recorder.closes, 0);
  await until(() => recorder.closes === 1 && peer.ended, "the end");
  assertEquals([recorder.error, recorder.ends, peer.bytes], [undefined, 0, 0]);
});

testEach("Transport.close ends the connection when bytes are queued", {}, async ({ connect }) => {
  const { peer, recorder } = await connect(false);
  recorder.call((transport) => {
    transport.write([pattern(20_000_000)]);
    transport.close();
  });
  peer.read();
  await until(() => recorder.closes === 1 && (peer.ended || peer.closed), "the end");
  assertLess(peer.bytes, 20_000_000);
});

testEach("Transport.close works when called from inside received", {
  onReceived: (transport) => transport.close(),
}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  peer.socket.write(pattern(1_000_000));
  await until(() => recorder.closes === 1, "the close");
  assertEquals([recorder.chunks.length, recorder.ends], [1, 0]);
});

test(
  "Transport.reset makes the peer see a reset when called over tcp",
  (runtime, shim) =>
    inScene(runtime, "tcp", {}, async ({ connect }) => {
      const { peer, recorder } = await connect();
      recorder.call((transport) => transport.reset());
      // Deno's own sockets have none.
      const expected = isDeno && shim !== "node:net" ? undefined : "ECONNRESET";
      await until(() => recorder.closes === 1 && (expected ? peer.closed : peer.ended), "the peer sees it");
      assertEquals([recorder.error, peer.error?.code], [undefined, expected]);
    }),
);

testEach("Transport.reset closes the connection when called", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  recorder.call((transport) => transport.reset());
  await until(() => recorder.closes === 1 && (peer.ended || peer.closed), "the peer sees it");
  assertEquals(recorder.error, undefined);
});

test("TransportSink.closed carries an error when the peer resets", (runtime) =>
  inScene(runtime, "tcp", {}, async ({ connect }) => {
    const { peer, recorder } = await connect();
    peer.socket.resetAndDestroy();
    await until(() => recorder.closes === 1, "the reset");
    assertInstanceOf(recorder.error, Error);
    assertEquals((recorder.error as { code?: string }).code, "ECONNRESET");
  }));

testEach("TransportSink.closed comes when the peer has gone and we write", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  await peer.close();
  const deadline = Date.now() + 5_000;
  while (recorder.closes === 0) {
    assertLess(Date.now(), deadline);
    recorder.call((transport) => transport.write([latin1Bytes("anyone?")]));
    await sleep(5);
  }
});

testEach("Transport leaves memory alone that it has not lent when more is read", {}, async ({ connect }) => {
  const all = pattern(400_000);
  const pairs = [await connect(), await connect(), await connect()];
  for (let at = 0; at < all.length; at += 40_000) {
    for (const { peer, recorder } of pairs) {
      peer.socket.write(all.subarray(at, at + 40_000));
      await until(() => recorder.bytes === at + 40_000, "the part arrives");
    }
  }
  for (const { recorder } of pairs) assertEquals(firstDifference(recorder.chunks, all), -1);
});

testEach("Transport reads no byte of another's when many send at once", {}, async ({ connect }) => {
  const pairs = [await connect(), await connect(), await connect()];
  const all = pairs.map((_, at) => pattern(1_000_000, 7 * at));
  for (let at = 0; at < 1_000_000; at += 50_000) {
    for (const [which, { peer }] of pairs.entries()) peer.socket.write(all[which]!.subarray(at, at + 50_000));
    await sleep(0);
  }
  await until(() => pairs.every(({ recorder }) => recorder.bytes === 1_000_000), "all bytes arrive");
  for (const [at, { recorder }] of pairs.entries()) assertEquals(firstDifference(recorder.chunks, all[at]!), -1);
});

test(
  "Transport lends what it will read into again when it has accepted and when it has connected",
  async (runtime, shim) => {
    const { accept, recorders } = recordAll({
      onReceived(transport, chunk) {
        if (chunk[0] === "?".charCodeAt(0)) transport.write([latin1Bytes("!")]);
      },
    });
    const listener = await runtime.listen({ hostname: "127.0.0.1", port: 0 }, accept);
    for (let i = 0; i < 2; i++) {
      const transport = await runtime.connect(listener.addr as NetAddr, accept);
      transport.write([latin1Bytes("?")]);
    }
    await until(() => recorders.length === 4 && recorders.every(({ bytes }) => bytes === 1), "questions and answers");
    for (const { transport } of recorders) transport.close();
    await until(() => recorders.every(({ closes }) => closes === 1), "all are closed");
    await listener.close();
    const lends = shim === "this runtime" ? !isBun : isDeno;
    assertEquals(recorders.map(({ lent }) => lent), Array(4).fill([lends]));
  },
);

if (!isBun) {
  Deno.test("nodeRuntime reads chunks when Node's sockets have no handle that is known", async () => {
    const servers = Server.prototype as unknown as { emit(...event: readonly unknown[]): boolean };
    const { emit } = servers;
    servers.emit = function (...event): boolean {
      return emit.apply(this, event.map((it) => it instanceof Socket ? withoutHandle(it) : it));
    };
    try {
      await inScene(nodeRuntime(isDeno ? "deno" : "node"), "tcp", echo, async ({ connect }) => {
        const { peer, recorder } = await connect();
        peer.socket.end("hello");
        await until(() => peer.ended && recorder.closes === 1, "both sides end");
        assertEquals([peer.text, recorder.lent], ["hello", [false]]);
      });
    } finally {
      servers.emit = emit;
    }
  });
}

/** The socket as it would look if Node kept its handle elsewhere. */
function withoutHandle(socket: Socket): Socket {
  return new Proxy(socket, {
    get(target, key) {
      if (key === "_handle") return undefined;
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

testEach("Transport.pause holds back what comes when called before reading starts", {
  onOpen: (transport) => transport.pause(),
}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  const all = pattern(1_000_000);
  peer.socket.end(all);
  await sleep(30);
  assertLess(recorder.chunks.length, 2);
  assertEquals(recorder.ends, 0);
  recorder.call((transport) => transport.resume());
  await until(() => recorder.ends === 1, "the end");
  assertEquals(firstDifference(recorder.chunks, all), -1);
});

testEach("TransportSink.ended comes when the peer has ended without a byte", {}, async ({ connect }) => {
  const { peer, recorder } = await connect();
  peer.socket.end();
  await until(() => recorder.ends === 1, "the peer's end");
  assertEquals([recorder.bytes, recorder.closes], [0, 0]);
  recorder.call((transport) => transport.shutdown());
  await until(() => recorder.closes === 1 && peer.ended, "both sides end");
  assertEquals(recorder.error, undefined);
});

testEach(
  "Runtime.listen accepts a connection when its peer has gone already",
  {},
  async ({ listener, recorders }, kind) => {
    const { addr } = listener;
    const where = addr.transport === "unix" ? { path: addr.path } : { host: "127.0.0.1", port: (addr as NetAddr).port };
    const visit = (leave: string): void => {
      const code = `const s = (await import("node:net")).connect(${JSON.stringify(where)}, () => ${leave})`;
      // This process does nothing else until the other has ended.
      execFileSync(process.execPath, isDeno ? ["eval", code] : ["--input-type=module", "-e", code]);
    };
    const greet = `s.write("hello", () => s.destroy())`;
    visit(greet);
    await until(() => recorders[0]?.ends === 1, "the end");
    // One that was reset is accepted and found so, or (by Deno's own `accept`) is not; then the next is.
    if (kind === "tcp") visit("s.resetAndDestroy()");
    visit(greet);
    await until(() => recorders.filter(({ ends, text }) => ends === 1 && text === "hello").length === 2, "the next");
    await until(() => recorders.every(({ ends, closes }) => ends + closes > 0), "the reset");
  },
);

test("Runtime.listen accepts without a rest when 300 connections were reset before it accepted them", (runtime) =>
  inScene(runtime, "tcp", {}, async ({ listener, recorders }) => {
    const { port } = listener.addr as NetAddr;
    const code = `const { connect } = await import("node:net");
      const visit = (leave) => new Promise((gone) => {
        const s = connect(${port}, "127.0.0.1", () => leave(s)).on("close", gone).on("error", () => {});
      });
      for (let i = 0; i < 300; i++) await visit((s) => s.resetAndDestroy());
      await visit((s) => s.write("hello", () => s.destroy()));`;
    const delays = await timersDuring(async () => {
      // This process does nothing else until the other has ended.
      execFileSync(process.execPath, isDeno ? ["eval", code] : ["--input-type=module", "-e", code]);
      await until(() => recorders.some(({ ends, text }) => ends === 1 && text === "hello"), "the last connection");
    });
    assertEquals(delays.filter((ms) => ms > UNTIL_MS), []);
    await until(() => recorders.every(({ ends, closes }) => ends + closes > 0), "the resets");
  }));

/** The delays of the timers that are set while `body` runs, in milliseconds. */
async function timersDuring(body: () => Promise<void>): Promise<number[]> {
  const delays: number[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((callback: () => void, ms = 0) => {
    delays.push(ms);
    return setTimeout(callback, ms);
  }) as typeof setTimeout;
  try {
    await body();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return delays;
}

testEach(
  "Runtime.listen leaves nothing open when 200 connections come and go",
  echo,
  async ({ connect, recorders }) => {
    for (let i = 0; i < 200; i++) {
      const { peer } = await connect();
      peer.socket.end("x");
      await until(() => peer.ended, "the echo's end");
      assertEquals(peer.text, "x");
    }
    await until(() => recorders.every(({ closes }) => closes === 1), "all are closed");
  },
);

testEach("Listener.close keeps open connections when it stops", echo, async ({ connect, listener }) => {
  const { peer } = await connect();
  await listener.close();
  await listener.close();
  await assertRejects(() => Peer.connect(listener.addr), Error, "connect");
  peer.socket.write("still");
  await until(() => peer.text === "still", "the echo");
});

test("Listener.addr tells the port when the system chose it", async (runtime) => {
  const listener = await runtime.listen({ hostname: "127.0.0.1", port: 0 }, ignore);
  const { transport, hostname, port } = listener.addr as NetAddr;
  await listener.close();
  assertEquals([transport, hostname], ["tcp", "127.0.0.1"]);
  assertGreater(port, 0);
});

test("Runtime.listen rejects when the port is in use", async (runtime) => {
  const listener = await runtime.listen({ hostname: "127.0.0.1", port: 0 }, ignore);
  const { port } = listener.addr as NetAddr;
  const error = await assertRejects(
    () => runtime.listen({ hostname: "127.0.0.1", port }, ignore),
    Error,
    `Cannot listen on 127.0.0.1:${port}: another process listens there`,
  );
  await listener.close();
  assertEquals((error as { code?: string }).code, "EADDRINUSE");
});

test("Runtime.listen rejects when the address is wrong", async (runtime) => {
  const rejects = async (options: ListenOptions, message: string): Promise<void> => {
    await assertRejects(() => runtime.listen(options, ignore), Error, message);
  };
  await rejects(
    { hostname: "203.0.113.9", port: 0 },
    "Cannot listen on 203.0.113.9:0: this machine has no such address",
  );
  await rejects({ hostname: "127.0.0.1", port: 70_000 }, "Cannot listen on 127.0.0.1:70000: ");
  await rejects({ hostname: "no.such.invalid", port: 0 }, "no.such.invalid:0: there is no machine of that name");
  await rejects(
    { path: "/no/folder/s.sock" },
    "unix:/no/folder/s.sock: the folder /no/folder does not exist; create it",
  );
  await rejects({ path: "/etc/passwd/s.sock" }, "Cannot listen on unix:/etc/passwd/s.sock: /etc/passwd is no folder");
});

test("Runtime.listen rejects when the descriptor is no listening socket", async (runtime) => {
  const rejects = async (fd: number, message: string): Promise<void> => {
    await assertRejects(() => runtime.listen({ fd }, ignore), Error, `Cannot listen on descriptor ${fd}: ${message}`);
  };
  await rejects(987, "no such descriptor is open; give that of a listening socket");
  const file = openSync("/dev/null", "r");
  // Deno has numbers of its own for what it opens.
  if (!isDeno) await rejects(file, "the descriptor is no socket; give that of a listening socket");
  closeSync(file);
});

test("Runtime.connect rejects when nothing listens", async (runtime) => {
  const listener = await runtime.listen({ hostname: "127.0.0.1", port: 0 }, ignore);
  await listener.close();
  const { port } = listener.addr as NetAddr;
  const error = await assertRejects(
    () => runtime.connect(listener.addr as NetAddr, ignore),
    Error,
    `Cannot connect to 127.0.0.1:${port}: nothing listens there`,
  );
  assertEquals((error as { code?: string }).code, "ECONNREFUSED");
  await assertRejects(
    () => runtime.connect({ transport: "unix", path: "/no/such.sock" }, ignore),
    Error,
    "Cannot connect to unix:/no/such.sock: nothing is there",
  );
});

test("Runtime.listen shares a port when reusePort is set by all", async (runtime) => {
  const options = { hostname: "127.0.0.1", reusePort: true } as const;
  const first = await runtime.listen({ ...options, port: 0 }, ignore);
  const { port } = first.addr as NetAddr;
  const again = (reusePort: boolean): Promise<Listener> => runtime.listen({ ...options, reusePort, port }, ignore);
  await assertRejects(() => again(false), Error, "another process listens there");
  // Node has the option from version 22 on.
  if (process.versions.node.startsWith("20.")) await assertRejects(() => again(true));
  else await (await again(true)).close();
  await first.close();
});

test("Runtime.listen listens on IPv6 when asked", async (runtime) => {
  const listener = await runtime.listen({ hostname: "::1", port: 0 }, ignore);
  const { hostname } = listener.addr as NetAddr;
  await listener.close();
  assertEquals(hostname, "::1");
});

test("Runtime.listen sets the mode when a path is given", (runtime) =>
  inFolder(async (folder) => {
    for (const mode of [0o600, 0o666]) {
      const path = join(folder, "s.sock");
      const listener = await runtime.listen({ path, mode }, ignore);
      assertEquals(lstatSync(path).mode & 0o777, mode);
      assertEquals(readdirSync(folder), ["s.sock"]);
      assertEquals(listener.addr, { transport: "unix", path });
      await listener.close();
      assertEquals(readdirSync(folder), []);
    }
  }));

test("Runtime.listen gives the socket to a group when one is named", (runtime) =>
  inFolder(async (folder) => {
    const path = join(folder, "s.sock");
    // Root may give it to any group, others to their own.
    const gid = process.getuid!() === 0 ? 1 : process.getgid!();
    for (const group of [gid, String(gid)]) {
      const listener = await runtime.listen({ path, mode: 0o640, group }, ignore);
      const { gid: found, mode } = lstatSync(path);
      assertEquals([found, mode & 0o777, readdirSync(folder)], [gid, 0o640, ["s.sock"]]);
      assertMatch(listener.access ?? "", /^mode 0640, owner \S+, group \S+$/);
      await listener.close();
    }
    const message = "there is no group no.such.group in /etc/group";
    await assertRejects(() => runtime.listen({ path, group: "no.such.group" }, ignore), Error, message);
    assertEquals(readdirSync(folder), []);
  }));

test("Runtime.listen refuses a path when a unix socket cannot have it", (runtime) =>
  inFolder(async (folder) => {
    const fits = join(folder, "s".repeat(107 - folder.length - 1));
    const listener = await runtime.listen({ path: fits }, ignore);
    const peer = await Peer.connect({ transport: "unix", path: fits });
    await peer.close();
    await listener.close();
    const long = join(folder, "ü".repeat(60));
    const bytes = new TextEncoder().encode(long).length;
    await assertRejects(() => runtime.listen({ path: long }, ignore), RangeError, `${bytes} bytes`);
    await assertRejects(() => runtime.listen({ path: "" }, ignore), RangeError, "0 bytes");
    assertEquals(readdirSync(folder), []);
  }));

test("Runtime.listen takes a path of 107 bytes when its last name is short", (runtime) =>
  inFolder(async (folder) => {
    const inner = join(folder, "d".repeat(107 - folder.length - 5));
    mkdirSync(inner);
    const path = join(inner, "abc");
    assertEquals(path.length, 107);
    const listener = await runtime.listen({ path, mode: 0o600 }, ignore);
    const peer = await Peer.connect({ transport: "unix", path });
    await peer.close();
    await listener.close();
    assertEquals(readdirSync(inner), []);
  }));

test("Runtime.listen refuses a path when a file is there", (runtime) =>
  inFolder(async (folder) => {
    const path = join(folder, "notes.txt");
    writeFileSync(path, "precious");
    await assertRejects(() => runtime.listen({ path }, ignore), Error, "a file that is no socket is there");
    assertEquals(readdirSync(folder), ["notes.txt"]);
    assertEquals(lstatSync(path).size, 8);
  }));

test("Runtime.listen refuses a path when another process listens there", (runtime) =>
  inFolder(async (folder) => {
    const path = join(folder, "s.sock");
    const { accept, recorders } = recordAll(echo);
    const first = await runtime.listen({ path }, accept);
    const error = await assertRejects(() => runtime.listen({ path }, ignore), Error, "another process listens there");
    assertEquals((error as { code?: string }).code, "EADDRINUSE");
    assertStringIncludes((error as Error).message, `unix:${path}`);
    const peer = await Peer.connect({ transport: "unix", path });
    peer.socket.end("alive");
    await until(() => peer.ended, "the first listener answers");
    assertEquals(peer.text, "alive");
    await first.close();
    await peer.close();
    await until(() => recorders.every(({ closes }) => closes === 1), "the probe's connection closes");
    assertEquals(readdirSync(folder), []);
  }));

test("Runtime.listen replaces a socket when nobody listens there any more", (runtime) =>
  inFolder(async (folder) => {
    const path = join(folder, "s.sock");
    await makeStale(path);
    assert(lstatSync(path).isSocket());
    const { accept, recorders } = recordAll(echo);
    const listener = await runtime.listen({ path }, accept);
    const peer = await Peer.connect({ transport: "unix", path });
    peer.socket.end("hi");
    await until(() => peer.ended, "the answer");
    assertEquals(peer.text, "hi");
    await listener.close();
    await peer.close();
    await until(() => recorders.every(({ closes }) => closes === 1), "the connection closes");
    assertEquals(readdirSync(folder), []);
  }));

test("Listener.close leaves the path alone when it belongs to a newer listener", (runtime) =>
  inFolder(async (folder) => {
    const path = join(folder, "s.sock");
    const old = await runtime.listen({ path }, ignore);
    const newer = await runtime.listen({ path: `${path}.new` }, ignore);
    renameSync(`${path}.new`, path);
    const { ino } = lstatSync(path);
    await old.close();
    assertEquals(lstatSync(path).ino, ino);
    const peer = await Peer.connect({ transport: "unix", path });
    await peer.close();
    await newer.close();
  }));

// Elsewhere there are no abstract names; Node 20 pads them so that only itself finds them.
test("Runtime.listen listens on an abstract name when the path begins with NUL", async (runtime) => {
  const path = `\0webfcgi-${process.pid}-${Math.random()}`;
  const { accept, recorders } = recordAll(echo);
  const listener = await runtime.listen({ path, mode: 0o600 }, accept);
  const own = recordAll();
  const transport = await runtime.connect({ transport: "unix", path }, own.accept);
  transport.write([latin1Bytes("hi")]);
  transport.shutdown();
  await until(() => own.recorders[0]?.text === "hi", "the answer");
  await until(() => [...recorders, ...own.recorders].every(({ closes }) => closes === 1), "all are closed");
  await listener.close();
}, process.platform !== "linux");

/** Leaves the file of a socket that nobody listens on. */
async function makeStale(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve));
  renameSync(`${path}.live`, path);
  await new Promise((resolve) => server.close(resolve));
}
