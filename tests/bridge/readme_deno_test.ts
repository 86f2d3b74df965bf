/** The README's PHP site and its probe, as they stand there but for what lies elsewhere, against a real PHP-FPM. */

import { assert, assertEquals } from "../std/assert.ts";
import { isPhpMissing, type PhpFpm, startPhpFpm } from "../client/php_fpm.ts";
import { bounded } from "../server/scene.ts";

const ignore = isPhpMissing();
const readme = await Deno.readTextFile("README.md");
const [site, probe] = [...readme.matchAll(/^```ts ignore\n([^`]*createClient[^`]*)^```$/gm)].map((match) => match[1]!);

/** Starts a program of the README's, with PHP's socket, its folder and the port in their places. */
async function start(program: string | undefined, php: PhpFpm, folder: string): Promise<Deno.ChildProcess> {
  const text = program!.replaceAll("/run/php/php8.2-fpm.sock", php.path).replaceAll('"/srv/www"', `"${php.root}"`)
    .replaceAll("8080", "0");
  assert(text.includes(php.path) && text.includes(php.root), text);
  const path = `${folder}/site.ts`;
  await Deno.writeTextFile(path, text);
  const args = ["run", "-A", "--no-prompt", "--config=deno.json", path];
  return new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" }, stdout: "piped", stderr: "piped" }).spawn();
}

async function withPhp(body: (php: PhpFpm, folder: string) => Promise<void>): Promise<void> {
  const php = await startPhpFpm({
    "index.php": `<?php echo "PHP at ", $_SERVER["REQUEST_URI"], " for ", $_SERVER["REMOTE_ADDR"];`,
    "health.php": `<?php http_response_code(299);`,
    "a.txt": "a file",
  });
  const folder = await Deno.makeTempDir({ prefix: "webfcgi-readme-" });
  try {
    await body(php, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await php[Symbol.asyncDispose]();
  }
}

Deno.test({
  name: "README's PHP site runs",
  ignore,
  fn: () =>
    withPhp(async (php, folder) => {
      const child = await start(site, php, folder);
      const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
      try {
        let printed = "";
        while (!/:\d+\//.test(printed)) {
          const { done, value } = await bounded(reader.read(), "the site's address");
          assert(!done, `no address in ${printed}`);
          printed += value;
        }
        const host = `http://127.0.0.1:${/:(\d+)\//.exec(printed)![1]}`;
        assertEquals(await (await fetch(`${host}/a.txt`)).text(), "a file");
        assertEquals(await (await fetch(`${host}/blog?x`)).text(), "PHP at /blog?x for 127.0.0.1");
      } finally {
        child.kill();
        await reader.cancel();
        await child.stdout.cancel();
        await child.status;
      }
    }),
});

Deno.test({
  name: "README's probe prints the status, and ends",
  ignore,
  fn: () =>
    withPhp(async (php, folder) => {
      const { stdout } = await bounded((await start(probe, php, folder)).output(), "the probe");
      assertEquals(new TextDecoder().decode(stdout), "299\n");
    }),
});
