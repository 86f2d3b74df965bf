/** Files while somebody exchanges them for links, folders and pipes as fast as a process can. */

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { bridge, type BridgeOptions } from "@webfcgi/webfcgi/bridge";
import { assert, assertEquals } from "../std/assert.ts";
import { openBelow, withFolder } from "./site.ts";
import { bounded } from "../helpers/waiting.ts";

const REQUESTS = 3000;
const AT_A_TIME = 8;

/** Exchanges `www/a.txt`, `www/big.bin` and the folder `www/d` in turn, for a minute at most. */
const attack = `import("node:fs").then((fs) => {
  const put = (name, make) => () => (make("stage/new"), fs.renameSync("stage/new", "www/" + name));
  const turns = ["a.txt", "big.bin"].flatMap((name) => [
    put(name, (path) => fs.copyFileSync("stage/" + name, path)),
    put(name, (path) => fs.symlinkSync("../outside/" + name, path)),
    put(name, (path) => fs.copyFileSync("stage/" + name, path)),
    put(name, (path) => fs.symlinkSync(".env", path)),
    put(name, (path) => fs.linkSync("stage/pipe", path)),
    put(name, (path) => fs.symlinkSync("x.php", path)),
  ]);
  turns.push(() => (fs.renameSync("www/d", "stage/d"), fs.symlinkSync("../outside", "www/d")));
  turns.push(() => (fs.unlinkSync("www/d"), fs.renameSync("stage/d", "www/d")));
  for (const end = Date.now() + 60_000; Date.now() < end;) for (const turn of turns) turn();
});`;

function raceTest(name: string, options: BridgeOptions, isLeak: (text: string) => boolean): void {
  Deno.test({
    name,
    ignore: spawnSync("mkfifo", ["--version"]).status !== 0,
    fn: () =>
      withFolder({ "a.txt": "INSIDE", ".env": "SECRET", "x.php": "<?php SECRET" }, async (root) => {
        const folder = join(root, "..");
        for (const [path, text] of [["stage", "INSIDE"], ["outside", "OUTSIDE"], ["www/d", "INSIDE"]] as const) {
          mkdirSync(join(folder, path), { recursive: true });
          writeFileSync(join(folder, path, "a.txt"), text);
          writeFileSync(join(folder, path, "big.bin"), text.repeat(20_000));
        }
        symlinkSync("a.txt", join(root, "big.bin"));
        assertEquals(spawnSync("mkfifo", [join(folder, "stage/pipe")]).status, 0);
        const child = spawn(process.execPath, ["Deno" in globalThis && "version" in Deno ? "eval" : "-e", attack], {
          cwd: folder,
          stdio: ["ignore", "ignore", "inherit"],
        });
        const exited = new Promise((resolve) => child.once("exit", resolve));
        try {
          const client = { fetch: () => Promise.resolve(new Response("APP")) };
          const handler = bridge(client, { root, ...options });
          const seen = new Map<string, number>();
          let asked = 0;
          const ask = async (): Promise<void> => {
            while (asked < REQUESTS) {
              const path = ["/a.txt", "/d/a.txt", "/big.bin", "/d/big.bin"][asked++ % 4]!;
              const text = await bounded(handler(new Request(`http://h${path}`)).then((it) => it.text()), path);
              assert(!isLeak(text), `${path}: ${text.slice(0, 20)}`);
              const start = text.slice(0, 6);
              seen.set(start, (seen.get(start) ?? 0) + 1);
            }
          };
          await Promise.all(Array.from({ length: AT_A_TIME }, ask));
          // Else nobody attacked.
          assert(seen.get("INSIDE")! > 100 && seen.get("APP")! > 100, JSON.stringify([...seen]));
          assertEquals(openBelow(folder), []);
        } finally {
          child.kill("SIGKILL");
          await exited;
        }
      }),
  });
}

raceTest(
  "bridge serves nothing from outside and waits for no pipe while files are exchanged",
  {},
  (text) => /SECRET|OUTSIDE/.test(text),
);

raceTest(
  "bridge serves nothing secret and waits for no pipe while files are exchanged and links followed",
  { followLinks: true },
  (text) => text.includes("SECRET"),
);
