// `serve` in a process that a web server starts as CGI, for one request.

import { assertEquals, assertStringIncludes } from "../std/assert.ts";
import { bundle } from "../helpers/bundle.ts";
import { findProgram, isFile, isLeftOut } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { findRuntimes, type InstalledRuntime } from "../runtimes.ts";
import { startForeground, type WebServer } from "./foreground.ts";
import { header, HttpConnection, type HttpResponse, type RequestOptions } from "./http_client.ts";
import { findApacheModules, freePort } from "./web_server.ts";

interface WebServerSetup {
  readonly programs: readonly string[];
  readonly args: readonly string[];
  readonly text: string;
  /** Where standard error of the process goes, unless the web server's log has it. */
  readonly stderr?: string;
}

/** How each web server runs `@RUN@/app.cgi` at `/app`. */
const configs: Readonly<Record<string, WebServerSetup>> = {
  "Apache's mod_cgid": apache("cgid", "ScriptSock @RUN@/cgid.sock"),
  "Apache's mod_cgi": apache("cgi", ""),
  "lighttpd's mod_cgi": {
    programs: ["lighttpd"],
    args: ["-D", "-f"],
    stderr: "2>>@RUN@/error.log",
    text: `
      server.modules = ("mod_alias", "mod_cgi")
      server.document-root = "@RUN@"
      server.upload-dirs = ("@RUN@")
      server.errorlog = "@RUN@/error.log"
      server.bind = "127.0.0.1"
      server.port = @PORT@
      alias.url = ("/app" => "@RUN@/app.cgi")
      $HTTP["url"] =~ "^/app" { cgi.assign = ("app.cgi" => "") }`,
  },
};

function apache(module: string, more: string): WebServerSetup {
  const folder = findApacheModules();
  // Some systems build one or another of these into the server: those have no file.
  const loadable = ["mpm_event", "unixd", "authz_core", "alias"].filter((name) => isFile(`${folder}/mod_${name}.so`));
  return {
    programs: ["apache2", "httpd"],
    args: ["-DFOREGROUND", "-f"],
    text: `
      ServerRoot @RUN@
      DefaultRuntimeDir @RUN@
      PidFile @RUN@/apache.pid
      ErrorLog @RUN@/error.log
      Mutex file:@RUN@ default
      ServerName localhost
      Listen 127.0.0.1:@PORT@
      ${[...loadable, module].map((name) => `LoadModule ${name}_module ${folder}/mod_${name}.so`).join("\n")}
      User #65534
      Group #65534
      ${more}
      ScriptAlias /app @RUN@/app.cgi`,
  };
}

function isMissing(name: string): boolean {
  const { programs, text } = configs[name]!;
  const modules = [...text.matchAll(/LoadModule \S+ (\S+)/g)].map(([, path]) => path!);
  const missing = findProgram(...programs) === undefined ? programs[0] : modules.find((path) => !isFile(path));
  return isLeftOut(`the tests behind ${name}`, missing);
}

async function start(name: string, { command }: InstalledRuntime): Promise<WebServer> {
  const { programs, args, text, stderr = "" } = configs[name]!;
  const port = freePort();
  const run = await Deno.makeTempDir({ prefix: "webfcgi-cgi-" });
  await Deno.chmod(run, 0o777);
  const place = (text: string): string => text.replaceAll("@RUN@", run).replaceAll("@PORT@", String(port));
  await Deno.copyFile(app, `${run}/app.mjs`);
  const [program, ...options] = command;
  // Started by root, Apache is another user, who may not get at the file where it is.
  await Deno.copyFile(program.includes("/") ? program : findProgram(program) ?? program, `${run}/runtime`);
  const script = `#!/bin/sh\nexport HOME=@RUN@\nexec @RUN@/runtime ${options.join(" ")} @RUN@/app.mjs ${stderr}\n`;
  await Deno.writeTextFile(`${run}/app.cgi`, place(script));
  await Deno.chmod(`${run}/app.cgi`, 0o755);
  const config = `${run}/server.conf`;
  await Deno.writeTextFile(config, place(text));
  return await startForeground(name, [findProgram(...programs)!, ...args, config], { run, port });
}

async function ask(port: number, method: string, target: string, options?: RequestOptions): Promise<HttpResponse> {
  using connection = await HttpConnection.connect(port);
  return await connection.request(method, target, options);
}

/** What any CGI application does, and ours. */
async function check({ port, errorLog }: WebServer, name: string): Promise<void> {
  const hello = await ask(port, "GET", "/app/a%20b?c=d", {});
  const text = new TextDecoder().decode(hello.body);
  assertEquals([hello.status, text], [
    200,
    '{"method":"GET","pathname":"/app/a%20b","search":"?c=d","length":0,"sum":0}',
  ]);
  assertEquals(hello.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value), ["a=1", "b=2"]);
  await until(async () => (await errorLog()).includes("cgi GET /a b"), "the log", 5000);

  const body = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 251);
  const sum = body.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0);
  for (const sent of [body, [body.subarray(0, 400_000), body.subarray(400_000)]]) {
    const { body: answer } = await ask(port, "POST", "/app/", { body: sent });
    assertEquals(JSON.parse(new TextDecoder().decode(answer)), {
      method: "POST",
      pathname: "/app/",
      search: "",
      length: body.length,
      sum,
    });
  }
  const large = await ask(port, "POST", "/app/large", { body });
  assertEquals([large.status, large.body.length, large.body.every((byte) => byte === 120)], [200, 4_000_000, true]);
  const left = await ask(port, "POST", "/app/teapot", { body });
  assertEquals([left.status, header(left, "x-a")], [418, "1"]);
  assertEquals((await ask(port, "POST", "/app/", { body: new Uint8Array(2_000_001) })).status, 413);
  const head = await ask(port, "HEAD", "/app/");
  assertEquals([head.status, head.body.length, header(head, "content-type")], [200, 0, "application/json"]);
  const failed = await ask(port, "GET", "/app/fail");
  assertEquals([failed.status, new TextDecoder().decode(failed.body)], [500, "500 Internal Server Error\n"]);
  assertStringIncludes(await errorLog(), "failed on purpose", name);
}

const runtimes = await findRuntimes();
const folder = await Deno.makeTempDir({ prefix: "webfcgi-cgi-app-" });
const app = `${folder}/app.mjs`;
await bundle(new URL("cgi_app.ts", import.meta.url), app);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

for (const name of Object.keys(configs)) {
  for (const runtime of runtimes) {
    Deno.test({
      name: `serve answers as CGI behind ${name} on ${runtime.name}`,
      ignore: isMissing(name),
      fn: async () => {
        await using web = await start(name, runtime);
        await check(web, runtime.name);
      },
    });
  }
}
