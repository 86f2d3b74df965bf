/** The documentation's PHP sites and its probe, as they stand there but for addresses and paths, against a real PHP-FPM. */

import { assert, assertEquals, assertStringIncludes } from "../std/assert.ts";
import { findRuntime, type InstalledRuntime, runningDeno } from "../runtimes.ts";
import { isPhpMissing, type PhpFpm, startPhpFpm } from "../client/php_fpm.ts";
import { block, blocksOf } from "../interop/documentation.ts";
import { bounded } from "../helpers/waiting.ts";

const ignore = isPhpMissing();
const [site, bunSite] = blocksOf("docs/php.md").filter(({ heading, info }) =>
  heading === "A site" && info === "js ignore"
);
const readmeSite = block("README.md", "The other half: PHP behind JavaScript", "js ignore");
const proxied = block("docs/php.md", "Behind a proxy", "js ignore");
const probe = block("docs/php.md", "A single request", "js ignore");

/** The lines of a program up to the one that a variant of it replaces. */
function before(line: string): string {
  const at = site!.text.indexOf(line);
  assert(at > 0, line);
  return site!.text.slice(0, at);
}

/** Starts a program, with PHP's socket, its folder, the port and the entry points in their places. */
async function start(
  runtime: InstalledRuntime,
  program: string,
  php: PhpFpm,
  folder: string,
): Promise<Deno.ChildProcess> {
  const entry = (name: string): string => JSON.stringify(new URL(`../../src/${name}.ts`, import.meta.url).href);
  const text = program.replaceAll("/run/php/php8.2-fpm.sock", php.path).replaceAll("/srv/www", php.root)
    .replaceAll("8080", "0")
    .replace('"@webfcgi/webfcgi/client"', entry("client")).replace('"@webfcgi/webfcgi/bridge"', entry("bridge"));
  assertStringIncludes(text, php.path);
  assertStringIncludes(text, php.root);
  const path = `${folder}/site.mjs`;
  await Deno.writeTextFile(path, text);
  const [command, ...args] = runtime.name === "deno" ? [runtime.command[0], "run", "-A"] : runtime.command;
  return new Deno.Command(command, { args: [...args, path], env: { NO_COLOR: "1" }, stdout: "piped", stderr: "piped" })
    .spawn();
}

async function withPhp(body: (php: PhpFpm, folder: string) => Promise<void>): Promise<void> {
  const php = await startPhpFpm({
    "index.php":
      `<?php echo "PHP at ", $_SERVER["REQUEST_URI"], " for ", $_SERVER["REMOTE_ADDR"], " ", $_SERVER["HTTPS"] ?? "";`,
    "health.php": `<?php http_response_code(299); echo "healthy";`,
    "a.txt": "a file",
  });
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-docs-" });
  try {
    await body(php, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await php[Symbol.asyncDispose]();
  }
}

/** Runs a site on a runtime, and asks it. */
function siteTest(name: string, runtime: InstalledRuntime | undefined, program: string, page: string): void {
  Deno.test({
    name,
    ignore: ignore || runtime === undefined,
    fn: () =>
      withPhp(async (php, folder) => {
        const child = await start(runtime!, program, php, folder);
        const streams = [child.stdout, child.stderr].map((stream) => stream.pipeThrough(new TextDecoderStream()));
        const readers = streams.map((stream) => stream.getReader());
        try {
          let printed = "";
          await bounded(
            Promise.race(readers.map(async (reader) => {
              while (!/:\d+\//.test(printed)) {
                const { done, value } = await reader.read();
                if (done) return;
                printed += value;
              }
            })),
            "the site's address",
          );
          const port = /:(\d+)\//.exec(printed)?.[1];
          assert(port !== undefined, `no address in ${printed}`);
          const host = `http://127.0.0.1:${port}`;
          assertEquals(await (await fetch(`${host}/a.txt`)).text(), "a file");
          assertEquals(
            await (await fetch(`${host}/blog?x`, { headers: { "x-real-ip": "192.0.2.7" } })).text(),
            `PHP at /blog?x for ${page}`,
          );
        } finally {
          child.kill();
          await Promise.all(readers.map((reader) => reader.cancel()));
          await child.status;
        }
      }),
  });
}

siteTest("README's PHP site runs", runningDeno(), readmeSite, "127.0.0.1 ");
siteTest("the documentation's PHP site runs", runningDeno(), site!.text, "127.0.0.1 ");
siteTest(
  "the documentation's PHP site runs behind a proxy",
  runningDeno(),
  before("Deno.serve") + proxied,
  "192.0.2.7 on",
);
// Bun's server does not print its address.
siteTest(
  "the documentation's PHP site runs on bun",
  await findRuntime("bun"),
  `${before("Deno.serve")}console.log(String((${bunSite!.text.trim().replace(/;$/, "")}).url));`,
  "127.0.0.1 ",
);

Deno.test({
  name: "the documentation's probe prints the status and the body, and ends",
  ignore,
  fn: () =>
    withPhp(async (php, folder) => {
      const { stdout } = await bounded((await start(runningDeno(), probe, php, folder)).output(), "the probe");
      assertEquals(new TextDecoder().decode(stdout), "299 healthy\n");
    }),
});
