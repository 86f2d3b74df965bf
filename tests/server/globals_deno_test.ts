// What `serve` makes of the global classes, seen in processes that have done nothing else.

import { findRuntimes } from "../runtimes.ts";
import { assertEquals } from "../std/assert.ts";

const works = [true, true, true, "http://x/y", true, "Request", "Response", "fetch", 200, 302, true];

/** Runs the child on each runtime and gives back what it printed. */
async function onEach(mode: string, body: (seen: Record<string, unknown>, runtime: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "globals-" });
  try {
    const child = `${folder}/child.mjs`;
    const source = decodeURIComponent(new URL("globals_child.ts", import.meta.url).pathname);
    await output([Deno.execPath(), "bundle", "--quiet", "--no-lock", "-o", child, source]);
    for (const { name, command } of await findRuntimes()) {
      body(JSON.parse(await output([...command, child, mode])), name);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function output([command, ...args]: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command!, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

Deno.test("serve leaves the globals alone when nativeRequest is set", () =>
  onEach("native", (seen, runtime) => {
    assertEquals(seen, { text: "ok", isNative: true, changed: [], works }, runtime);
  }));

Deno.test("serve leaves the globals working as they did", () =>
  onEach("own", ({ text, works: seen }, runtime) => {
    assertEquals([text, seen], ["ok", works], runtime);
  }));
