import type { Accept, Listener, Transport } from "../../src/runtime/transport.ts";
import { listenOnPath, type UnixFiles, type UnixStat } from "../../src/runtime/unix_socket.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../std/assert.ts";
import { sleep, until } from "../helpers/waiting.ts";

const transport = {} as Transport;
const noSink: Accept = () => ({ received() {}, ended() {}, drained() {}, closed() {} });
const noConnect = (): Promise<Transport> => Promise.reject(new Error("Cannot connect: not expected"));
const coded = (code: string): Error => Object.assign(new Error(`${code}: from the system`), { code });

/** A file system that holds sockets and folders, and writes down what is done. */
class FakeFiles implements UnixFiles {
  readonly log: string[] = [];
  readonly sockets = new Map<string, number>();
  readonly folders = new Map<string, number>();
  umask = 0o022;
  groups = "root:x:0:\nwww-data:x:33:app\n";

  lstat(path: string): UnixStat | undefined {
    const mode = this.folders.get(path);
    const ino = mode === undefined ? this.sockets.get(path) : 0;
    if (ino === undefined) return undefined;
    return { dev: 1, ino, isSocket: mode === undefined, mode: mode ?? 0o755, uid: 1000, gid: 1001 };
  }
  makeFolder(path: string, mode: number): void {
    if (this.folders.has(path)) throw coded("EEXIST");
    this.log.push(`folder ${this.#name(path)} ${mode.toString(8)}`);
    this.folders.set(path, mode & ~this.umask);
  }
  chown(path: string, uid: number, gid: number): void {
    this.log.push(`chown ${this.#name(path)} ${uid} ${gid}`);
  }
  chmod(path: string, mode: number): void {
    this.log.push(`chmod ${this.#name(path)} ${mode.toString(8)}`);
    if (this.folders.has(path)) this.folders.set(path, mode);
  }
  rename(from: string, to: string): void {
    this.log.push(`rename ${this.#name(from)} ${to}`);
    this.sockets.set(to, this.sockets.get(from) as number);
    this.sockets.delete(from);
  }
  remove(path: string): void {
    this.log.push(`remove ${this.#name(path)}`);
    this.sockets.delete(path);
  }
  removeFolder(path: string): void {
    this.log.push(`remove ${this.#name(path)}`);
    this.folders.delete(path);
  }
  readText(path: string): string {
    if (path !== "/etc/group") throw coded("ENOENT");
    return this.groups;
  }

  /** The names are random. */
  #name(path: string): string {
    return path.replace(/^\/run\/\.\w{8}(?=\/|$)/, "PRIVATE");
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
      files.sockets.set(path as string, 7);
      files.log.push("bind");
      bound = accept;
      return Promise.resolve(listener);
    },
    bound: () => bound as Accept,
  };
}

Deno.test("listenOnPath sets group and mode inside a private folder before the path leads to the socket", async () => {
  const files = new FakeFiles();
  const { bind } = bindIn(files);
  const options = { path: "/run/a.sock", mode: 0o640, group: "www-data" };
  const listener = await listenOnPath(options, noSink, files, noConnect, bind);
  assertEquals(listener.access, "mode 0755, owner 1000, group 1001");
  await listener.close();
  assertEquals(files.log, [
    "folder PRIVATE 700",
    "bind",
    "chown PRIVATE/s 1000 33",
    "chmod PRIVATE/s 640",
    "rename PRIVATE/s /run/a.sock",
    "remove PRIVATE",
    "remove /run/a.sock",
    "close",
  ]);
});

Deno.test("listenOnPath enters its folder when the umask keeps the user out, and leaves its other bits alone", async () => {
  for (const [umask, line] of [[0o177, "chmod PRIVATE 700"], [0, ""]] as const) {
    const files = new FakeFiles();
    files.umask = umask;
    const { bind } = bindIn(files);
    await listenOnPath({ path: "/run/a.sock" }, noSink, files, noConnect, bind);
    assertEquals(files.log.filter((it) => it.startsWith("chmod")).join(), line);
  }
});

Deno.test("listenOnPath gives up the socket when the mode cannot be set", async () => {
  const files = new FakeFiles();
  const { bind } = bindIn(files);
  files.chmod = (): never => {
    throw new Error("EPERM");
  };
  const options = { path: "/run/a.sock", mode: 0o640 };
  await assertRejects(() => listenOnPath(options, noSink, files, noConnect, bind), Error, "unix:/run/a.sock: EPERM");
  assertEquals(files.log, ["folder PRIVATE 700", "bind", "close", "remove PRIVATE/s", "remove PRIVATE"]);
  assertEquals([files.sockets.size, files.folders.size], [0, 0]);
});

Deno.test("listenOnPath says what to do when the group is unknown or may not be given", async () => {
  const refused = new FakeFiles();
  refused.chown = (): never => {
    throw coded("EPERM");
  };
  const unreadable = new FakeFiles();
  unreadable.readText = (): never => {
    throw Object.assign(new Error("Requires read access"), { name: "NotCapable" });
  };
  const cases = [
    [new FakeFiles(), "www", "there is no group www in /etc/group; if it is elsewhere, give its number"],
    [refused, "www-data", "the socket may not be given to group www-data; make this user a member of the group"],
    [refused, 33, "the socket may not be given to group 33; "],
    [
      unreadable,
      "www-data",
      "group www-data cannot be looked up: Deno needs --allow-read=/etc/group; or give its number",
    ],
  ] as const;
  for (const [files, group, message] of cases) {
    const { bind } = bindIn(files);
    const listen = (): Promise<Listener> =>
      listenOnPath({ path: "/run/a.sock", group }, noSink, files, noConnect, bind);
    await assertRejects(listen, Error, `Cannot listen on unix:/run/a.sock: ${message}`);
    assertEquals([files.sockets.size, files.folders.size], [0, 0]);
  }
  // A number needs no list.
  await listenOnPath({ path: "/run/a.sock", group: "33" }, noSink, unreadable, noConnect, bindIn(unreadable).bind);
});

Deno.test("listenOnPath names the permission for a group's name along with the others", async () => {
  const files = new FakeFiles();
  files.makeFolder = (): never => {
    throw Object.assign(new Error("Requires write access"), { name: "NotCapable" });
  };
  for (const [group, flags] of [["www-data", "/run,/etc/group"], ["33", "/run"], [33, "/run"]] as const) {
    const listen = (): Promise<Listener> =>
      listenOnPath({ path: "/run/a.sock", group }, noSink, files, noConnect, bindIn(files).bind);
    await assertRejects(listen, Error, `Deno needs --allow-net --allow-read=${flags} --allow-write=/run`);
  }
});

Deno.test("listenOnPath says what to do when the folder is not as it must be", async () => {
  for (
    const [error, message] of [
      [coded("ENOENT"), "the folder /run does not exist; create it first (ENOENT)"],
      [coded("ENOTDIR"), "/run is no folder (ENOTDIR)"],
      [coded("EACCES"), "permission denied; give this user the right to write to the folder /run (EACCES)"],
      [coded("EROFS"), "the folder /run is on a file system that is read-only (EROFS)"],
      [
        Object.assign(new Error("Requires write access"), { name: "NotCapable" }),
        "Deno needs --allow-net --allow-read=/run --allow-write=/run",
      ],
    ] as const
  ) {
    const files = new FakeFiles();
    files.makeFolder = (): never => {
      throw error;
    };
    const listen = (): Promise<Listener> =>
      listenOnPath({ path: "/run/a.sock" }, noSink, files, noConnect, bindIn(files).bind);
    const { message: told } = await assertRejects(listen, Error) as Error;
    assertEquals(told, `Cannot listen on unix:/run/a.sock: ${message}`);
    assertEquals(files.log, []);
  }
});

Deno.test("listenOnPath finds a name for its folder when the path is long and names are taken", async () => {
  const files = new FakeFiles();
  const folder = `/${"d".repeat(102)}/`;
  const makeFolder = files.makeFolder.bind(files);
  let refusals = 20;
  files.makeFolder = (path, mode): void => {
    assertMatch(path.slice(folder.length), /^\w$/);
    if (refusals-- > 0) throw coded("EEXIST");
    makeFolder(path, mode);
  };
  await listenOnPath({ path: `${folder}abc` }, noSink, files, noConnect, bindIn(files).bind);
  assertEquals([...files.sockets.keys(), ...files.folders.keys()], [`${folder}abc`]);
  await assertRejects(
    () => listenOnPath({ path: `/${"d".repeat(104)}/a` }, noSink, files, noConnect, bindIn(files).bind),
    RangeError,
    "the folder's path is too long",
  );
});

Deno.test("listenOnPath refuses the path when it cannot tell whether the socket there is live", async () => {
  const files = new FakeFiles();
  files.sockets.set("/run/a.sock", 3);
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
  assert(!files.sockets.has("/run/a.sock"));
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
