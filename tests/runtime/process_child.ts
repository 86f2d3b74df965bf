// What process_deno_test.ts runs on each runtime: `process_child.mjs ROLE`.

import { closeSync, openSync, writeFileSync } from "node:fs";
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

const roles: Readonly<Record<string, () => Promise<void>>> = {
  /** Prints the port, and has nothing but the listener to stay for. */
  async listener() {
    const listener = await listen();
    listener.unref();
    listener.ref();
    console.log((listener.addr as NetAddr).port);
  },
  /** As `listener`, or on the inherited socket, with four descriptors left to the process. */
  async starved() {
    const fd = runtime.inheritedFd();
    const listener = fd === undefined ? await listen() : await runtime.listen({ fd }, echo);
    // Deno makes a pipe for signals half a second after its start, and panics if there is no descriptor for it.
    process.on("SIGUSR2", () => {});
    const files: number[] = [];
    try {
      for (;;) files.push(openSync("/dev/null", "r"));
    } catch {
      for (const file of files.splice(-4)) closeSync(file);
    }
    console.log((listener.addr as NetAddr).port);
  },
  /** One of several that share descriptor 0: echoes, with its process id behind it, and ends when it reads "exit". */
  async shared() {
    const pid = new TextEncoder().encode(` ${process.pid}`);
    await runtime.listen({ fd: 0 }, (transport) => ({
      ...echo(transport),
      received(chunk) {
        if (new TextDecoder().decode(chunk) === "exit") process.exit();
        transport.write([chunk.slice(), pid]);
      },
    }));
    writeFileSync(`${process.argv[3]}/${process.pid}.ready`, "");
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
