import type { Accept, Listener, Transport } from "../../src/runtime/transport.ts";
import { listenOnPath, type UnixFiles } from "../../src/runtime/unix_socket.ts";
import { assert, assertEquals, assertRejects } from "../std/assert.ts";
import { sleep, until } from "./recorder.ts";

const transport = {} as Transport;
const noSink: Accept = () => ({ received() {}, ended() {}, drained() {}, closed() {} });
const noConnect = (): Promise<Transport> => Promise.reject(new Error("Cannot connect: not expected"));

/** A file system that holds nothing but sockets, and writes down what is done. */
class FakeFiles implements UnixFiles {
  readonly log: string[] = [];
  readonly inodes = new Map<string, number>();

  lstat(path: string): { dev: number; ino: number; isSocket: boolean } | undefined {
    const ino = this.inodes.get(path);
    return ino === undefined ? undefined : { dev: 1, ino, isSocket: true };
  }
  chmod(path: string, mode: number): void {
    this.log.push(`chmod ${this.#name(path)} ${mode.toString(8)}`);
  }
  rename(from: string, to: string): void {
    this.log.push(`rename ${this.#name(from)} ${to}`);
    this.inodes.set(to, this.inodes.get(from) as number);
    this.inodes.delete(from);
  }
  remove(path: string): void {
    this.log.push(`remove ${this.#name(path)}`);
    this.inodes.delete(path);
  }

  /** Temporary names are random. */
  #name(path: string): string {
    return path.endsWith(".listen") ? "temporary" : path;
  }
}

function bindIn(files: FakeFiles): { bind: Parameters<typeof listenOnPath>[4]; bound: () => Accept } {
  let bound: Accept | undefined;
  const listener: Listener = {
    addr: { transport: "unix", path: "?" },
    close: () => Promise.resolve(void files.log.push("close")),
    ref() {},
    unref() {},
  };
  return {
    bind: ({ path }, accept) => {
      files.inodes.set(path as string, 7);
      files.log.push("bind");
      bound = accept;
      return Promise.resolve(listener);
    },
    bound: () => bound as Accept,
  };
}

Deno.test("listenOnPath sets the mode before the path leads to the socket when it is given", async () => {
  const files = new FakeFiles();
  const { bind } = bindIn(files);
  const listener = await listenOnPath({ path: "/run/a.sock", mode: 0o640 }, noSink, files, noConnect, bind);
  await listener.close();
  assertEquals(files.log, [
    "bind",
    "chmod temporary 640",
    "rename temporary /run/a.sock",
    "remove /run/a.sock",
    "close",
  ]);
});

Deno.test("listenOnPath gives up the socket when the mode cannot be set", async () => {
  const files = new FakeFiles();
  const { bind } = bindIn(files);
  files.chmod = (): never => {
    throw new Error("EPERM");
  };
  const options = { path: "/run/a.sock", mode: 0o640 };
  await assertRejects(() => listenOnPath(options, noSink, files, noConnect, bind), Error, "unix:/run/a.sock: EPERM");
  assertEquals(files.log, ["bind", "close", "remove temporary"]);
});

Deno.test("listenOnPath refuses the path when it cannot tell whether the socket there is live", async () => {
  const files = new FakeFiles();
  files.inodes.set("/run/a.sock", 3);
  const { bind } = bindIn(files);
  const connect = (): Promise<Transport> => Promise.reject(Object.assign(new Error("no"), { code: "EAGAIN" }));
  const error = await assertRejects(
    () => listenOnPath({ path: "/run/a.sock" }, noSink, files, connect, bind),
    Error,
    "a socket is there that may be in use",
  );
  assertEquals([(error as { code?: string }).code, files.log], ["EAGAIN", []]);
});

Deno.test("Listener.close accepts who has connected already when the path is gone", async () => {
  const files = new FakeFiles();
  const { bind, bound } = bindIn(files);
  const listener = await listenOnPath({ path: "/run/a.sock" }, noSink, files, noConnect, bind);
  let accepted = 0;
  const closing = listener.close();
  assert(!files.inodes.has("/run/a.sock"));
  while (accepted < 5) {
    assert(!files.log.includes("close"));
    bound()(transport);
    accepted++;
    await sleep(0);
  }
  await closing;
  assertEquals(files.log.at(-1), "close");
});

Deno.test("Listener.close ends when connections never stop to come", async () => {
  const files = new FakeFiles();
  const { bind, bound } = bindIn(files);
  const listener = await listenOnPath({ path: "/run/a.sock" }, noSink, files, noConnect, bind);
  files.remove = (): never => {
    throw new Error("EPERM");
  };
  let closed = false;
  listener.close().then(() => closed = true);
  await until(() => {
    for (let i = 0; i < 10; i++) bound()(transport);
    return closed;
  }, "the listener closes");
});
