// `serve` in processes that are started as CGI, without a web server; with real ones: interop/cgi_test.ts.

import { bundle } from "../helpers/bundle.ts";
import { latin1Text } from "../helpers/bytes.ts";
import { findRuntimes } from "../runtimes.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";

type Env = Readonly<Record<string, string>>;

const get = { GATEWAY_INTERFACE: "CGI/1.1", REQUEST_METHOD: "GET", SERVER_NAME: "example.com", SCRIPT_NAME: "/app" };

/** Runs `body` with the path of a child that serves. */
async function withChild(body: (child: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cgi-" });
  try {
    const child = `${folder}/child.mjs`;
    await bundle(new URL("cgi_child.ts", import.meta.url), child);
    await body(child);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `body` with the child for each runtime. */
function onEach(body: (command: readonly string[], name: string) => Promise<void>): Promise<void> {
  return withChild(async (child) => {
    for (const { name, command } of await findRuntimes()) await body([...command, child], name);
  });
}

function start([command, ...args]: readonly string[], env: Env): Deno.ChildProcess {
  const options = { args, env: { NO_COLOR: "1", ...env }, signal: AbortSignal.timeout(15_000) };
  return new Deno.Command(command!, { ...options, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
}

/** Runs a command with some input, which ends only if `ends`. */
async function run(command: readonly string[], env: Env, input = "", ends = true): Promise<[string, string, number]> {
  const process = start(command, env);
  const writer = process.stdin.getWriter();
  if (input !== "") await writer.write(new TextEncoder().encode(input));
  if (ends) await writer.close();
  const { stdout, stderr, code } = await process.output();
  if (!ends) await writer.close().catch(() => {});
  return [latin1Text(stdout), latin1Text(stderr), code];
}

const head = (length: number): string =>
  `content-type: text/plain;charset=UTF-8\r\nContent-Length: ${length}\r\nStatus: 200 OK\r\n\r\n`;

Deno.test("serve answers one request over standard input and output when it is started as CGI, and finishes", () =>
  onEach(async (command, name) => {
    const answer = "GET   unix";
    assertEquals(await run([...command, "echo"], get), [head(answer.length) + answer, "finished 1 0\n", 0], name);
  }));

Deno.test("serve reads as CGI no more than CONTENT_LENGTH when standard input does not end", () =>
  onEach(async (command, name) => {
    const env = { ...get, REQUEST_METHOD: "POST", CONTENT_LENGTH: "5" };
    const [stdout, , code] = await run([...command, "echo"], env, "12345", false);
    assertEquals([stdout.split("\r\n\r\n")[1], code], ["POST 12345  unix", 0], name);
  }));

Deno.test("serve reads as CGI to the end of standard input when there is no CONTENT_LENGTH", () =>
  onEach(async (command, name) => {
    const [stdout, , code] = await run([...command, "echo"], { ...get, REQUEST_METHOD: "PUT" }, "123");
    assertEquals([stdout.split("\r\n\r\n")[1], code], ["PUT 123  unix", 0], name);
  }));

Deno.test("serve has the variables as CGI byte for byte", () =>
  onEach(async (command, name) => {
    const shell = ["/bin/sh", "-c", 'X_RAW=$(printf "\\377\\303\\244") exec "$@"', "sh", ...command, "echo"];
    const [stdout] = await run(shell, get);
    assertStringIncludes(stdout, " 255,195,164 ", name);
  }));

Deno.test("serve ends the process with 1 when a response as CGI is broken off", () =>
  onEach(async (command, name) => {
    const [stdout, , code] = await run([...command, "broken"], get);
    assertEquals([stdout.split("\r\n\r\n")[1], code], ["half", 1], name);
  }));

Deno.test("serve aborts the request when nobody reads standard output any more", () =>
  onEach(async (command, name) => {
    const process = start([...command, "endless"], get);
    await process.stdin.close();
    const reader = process.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const [stderr, { code }] = await Promise.all([new Response(process.stderr).text(), process.status]);
    assertEquals([stderr.split("\n").toSorted(), code], [["", "aborted", "aborted true"], 1], name);
  }));

Deno.test("serve listens when it has an address, whatever the variables say", () =>
  onEach(async (command, name) => {
    const [stdout, , code] = await run([...command, "address"], get);
    assertMatch(stdout, /^webfcgi: listening on 127\.0\.0\.1:\d+\n$/, name);
    assertEquals(code, 0, name);
  }));

Deno.test("serve says which permission is missing when Deno may not read the variables", () =>
  withChild(async (script) => {
    const deno = Deno.execPath();
    const [, none] = await run([deno, "run", "--no-prompt", script, "echo"], get);
    assertStringIncludes(none, "if a web server starts this as CGI, with --allow-env\n");
    const some = "--allow-env=GATEWAY_INTERFACE,REQUEST_METHOD";
    const [, few, code] = await run([deno, "run", "--no-prompt", some, script, "echo"], get);
    assertStringIncludes(few, "Cannot serve as CGI: Deno may read only some variables; run it with --allow-env");
    assertEquals(code, 1);
    const [stdout, , ended] = await run([deno, "run", "--no-prompt", "--allow-env", script, "echo"], get);
    assertEquals([stdout.split("\r\n\r\n")[1], ended], ["GET   unix", 0]);
  }));
