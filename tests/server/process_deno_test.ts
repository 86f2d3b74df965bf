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
async function onEach(role: string, check: (ended: Ended, runtime: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "serve-" });
  try {
    const child = `${folder}/child.mjs`;
    await bundle(new URL("serve_child.ts", import.meta.url), child);
    for (const { name, command } of await findRuntimes()) check(await run([...command, child, role]), name);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const works = [true, true, true, "http://x/y", true, "Request", "Response", "fetch", 200, 302, true];

Deno.test("serve leaves the globals alone when patchGlobals is false", () =>
  onEach("unpatched", ({ stdout, stderr }, runtime) => {
    assertEquals(stderr, "", runtime);
    assertEquals(JSON.parse(stdout), { text: "ok", isNative: true, changed: [], works }, runtime);
  }));

Deno.test("serve leaves the globals working as they did", () =>
  onEach("ownRequest", ({ stdout, stderr }, runtime) => {
    assertEquals(stderr, "", runtime);
    const { text, isNative, works: seen } = JSON.parse(stdout);
    assertEquals([text, isNative, seen], ["ok", false, works], runtime);
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
