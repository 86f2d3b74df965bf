// What `serve` does to a process, seen in processes that have done nothing else.

import { bundle } from "../helpers/bundle.ts";
import { findRuntimes } from "../runtimes.ts";
import { assertEquals, assertNotEquals, assertStringIncludes } from "../std/assert.ts";

/** What a child came to. */
interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run([command, ...args]: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(command!, {
    args,
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(30_000),
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout).trim(), stderr: decoder.decode(stderr) };
}

/** Runs the child in a role on each runtime. */
function onEach(role: string, check: (ended: Ended, runtime: string) => void): Promise<void> {
  return withChild(async (child) => {
    for (const { name, command } of await findRuntimes()) check(await run([...command, child, role]), name);
  });
}

/** Bundles the child, which Node 20 cannot run from its sources. */
async function withChild(body: (child: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "serve-" });
  try {
    const child = `${folder}/child.mjs`;
    await bundle(new URL("serve_child.ts", import.meta.url), child);
    await body(child, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const works = [true, true, true, "http://x/y", true, "Request", "Response", "fetch", 200, 302, true];

Deno.test("serve leaves the globals alone when patchGlobals is false", () =>
  onEach("unpatched", ({ stdout, stderr }, runtime) => {
    assertEquals(stderr, "", runtime);
    assertEquals(JSON.parse(stdout), { text: "ok", isNative: true, changed: [], works, changedAfter: [] }, runtime);
  }));

Deno.test("serve leaves the globals working as they did", () =>
  onEach("ownRequest", ({ stdout, stderr }, runtime) => {
    assertEquals(stderr, "", runtime);
    const { text, isNative, works: seen, changedAfter } = JSON.parse(stdout);
    assertEquals([text, isNative, seen, changedAfter], ["ok", false, works, []], runtime);
  }));

Deno.test("serve changes the globals once for all copies of the package", () =>
  onEach("copies", ({ stdout, stderr }, runtime) => {
    assertEquals(stderr, "", runtime);
    const texts = ["false", "true", "false", "true"];
    assertEquals(JSON.parse(stdout), { isCopy: true, texts, changedStill: true, left: [] }, runtime);
  }));

for (const role of ["unref", "shutdown"]) {
  Deno.test(`Server.${role} lets the process end`, () =>
    onEach(role, ({ code, stdout, stderr }, runtime) => {
      assertEquals([code, stdout, stderr], [0, "ok\nexit", ""], runtime);
    }));
}

Deno.test("serve ends the process with the reason when it cannot listen and no one looks", () =>
  onEach("unheard", ({ code, stdout, stderr }, runtime) => {
    assertNotEquals(code, 0, runtime);
    assertStringIncludes(stderr, `127.0.0.1:${stdout}`, runtime);
  }));

Deno.test("serve names the flags that Deno needs", () =>
  withChild(async (child, folder) => {
    const path = `${folder}/a.sock`;
    const files = [`--allow-read=${folder}`, `--allow-write=${folder}`];
    const unix = `Cannot listen on unix:${path}: Deno needs --allow-net ${files.join(" ")}`;
    for (
      const [flags, options, expected] of [
        [[], { port: 0 }, "Cannot listen on 127.0.0.1:0: Deno needs --allow-net=127.0.0.1:0"],
        [[], { port: 0, reusePort: true }, "Cannot listen on 127.0.0.1:0: Deno needs --allow-net=127.0.0.1:0"],
        [[], { path }, unix],
        [["--allow-net"], { path }, unix],
        [["--allow-net", files[0]], { path }, unix],
        [files, { path }, unix],
        [
          ["--allow-net", ...files],
          { path, group: "root" },
          `Cannot listen on unix:${path}: group root cannot be looked up: Deno needs --allow-read=/etc/group; or give its number`,
        ],
        [["--allow-net", ...files], { path, quiet: true }, ""],
      ] as const
    ) {
      const command = [Deno.execPath(), "run", "--no-prompt", "--no-lock", "--quiet", ...flags, child, "options"];
      const { stdout, stderr } = await run([...command as string[], JSON.stringify(options)]);
      assertEquals([stdout, stderr], [expected, ""], flags.join(" "));
    }
  }));

Deno.test("serve says that Deno may keep systemd's socket from it", () =>
  withChild(async (child) => {
    for (
      const [flags, expected] of [
        [[], true],
        [["--allow-env=LISTEN_FDS"], true],
        [["--allow-env=LISTEN_FDS,LISTEN_PID"], false],
      ] as const
    ) {
      const command = [Deno.execPath(), "run", "--no-prompt", "--no-lock", "--quiet", ...flags, child, "options"];
      const { stdout, stderr } = await run(command);
      assertEquals(stdout, "Cannot listen on 127.0.0.1:9000: Deno needs --allow-net=127.0.0.1:9000");
      assertEquals(stderr.includes("run Deno with --allow-env=LISTEN_FDS,LISTEN_PID"), expected, flags.join());
    }
  }));

Deno.test("serve lets nobody else reach a unix socket that is its user's alone, whatever the umask", () =>
  withChild(async (child, folder) => {
    for (const { name, command } of await findRuntimes()) {
      for (const umask of ["000", "177", "777"]) {
        const listening = `${folder}/${name}-${umask}`;
        await Deno.mkdir(listening);
        let isOver = false;
        let sightings = 0;
        const script = `umask ${umask}; exec "$@"`;
        const ended = run(["sh", "-c", script, "sh", ...command, child, "listenOften", `${listening}/a.sock`])
          .finally(() => isOver = true);
        while (!isOver) {
          for (const mode of openModes(listening)) {
            sightings++;
            assertEquals(mode, 0, `${name}, umask ${umask}`);
          }
          await new Promise((resolve) => setTimeout(resolve));
        }
        assertEquals((await ended).stdout, "ok", `${name}, umask ${umask}`);
        assertEquals([...Deno.readDirSync(listening)], [], name);
        assertNotEquals(sightings, 0, name);
      }
    }
  }));

/** What others may do with each thing in a folder, and with the folders in it. */
function openModes(folder: string): number[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    try {
      return [Deno.lstatSync(`${folder}/${name}`).mode! & 0o077];
    } catch {
      return [];
    }
  });
}
