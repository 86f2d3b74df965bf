/** The real file system: what is opened, what is not, and what is closed. */

import { spawnSync } from "node:child_process";
import { renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createSiteFiles } from "../../src/runtime/site_files.ts";
import { assert, assertEquals, assertRejects } from "../std/assert.ts";
import { openBelow, withFolder } from "./site.ts";
import { bounded } from "../helpers/waiting.ts";

const hasPipes = spawnSync("mkfifo", ["--version"]).status === 0;
const content = {
  "a.txt": "0123456789",
  "d/a.txt": "inside",
  "../outside/a.txt": "outside",
  "link.txt": "->a.txt",
  "loop": "->loop",
};

/** As it is, and as where the system or Deno's permissions hide the paths of descriptors. */
for (
  const [where, files] of [["by their own paths", createSiteFiles()], ["by looks", createSiteFiles("/none")]] as const
) {
  Deno.test(`siteFiles opens files alone, ${where}`, () =>
    withFolder(content, async (root) => {
      const file = await files.open(join(root, "a.txt"));
      assert(file !== undefined);
      assertEquals([file.path, file.size], [join(root, "a.txt"), 10]);
      assert(Math.abs(Date.now() - file.changedMs) < 60_000);
      const memory = new Uint8Array(4);
      assertEquals([await file.read(memory, 8), ...memory.subarray(0, 2)], [2, 0x38, 0x39]);
      assertEquals(await file.read(memory, 10), 0);
      await Promise.all([file.close(), file.close()]);
      await assertRejects(() => file.read(memory, 0), Error, "it is closed");
      for (const name of ["d", "none", "a.txt/x", "loop", "x".repeat(300), "x/".repeat(3000), "/dev/null", "\uffff"]) {
        assertEquals([name, await files.open(name.startsWith("/") ? name : join(root, name))], [name, undefined]);
      }
      assertEquals(openBelow(root), []);
    }));

  Deno.test({
    name: `siteFiles waits for no pipe and no socket, ${where}`,
    ignore: !hasPipes,
    fn: () =>
      withFolder(content, async (root) => {
        const server = createServer();
        await new Promise<void>((resolve) => server.listen(join(root, "socket"), resolve));
        assertEquals(spawnSync("mkfifo", [join(root, "pipe")]).status, 0);
        for (const name of ["pipe", "socket"]) {
          assertEquals(await bounded(files.open(join(root, name)), name), undefined);
          assertEquals((await files.find(join(root, name)))?.kind, "other");
        }
        await new Promise((resolve) => server.close(resolve));
        assertEquals(openBelow(root), []);
      }),
  });

  Deno.test(`siteFiles says where a file lies when a folder on the way has become a link, ${where}`, () =>
    withFolder(content, async (root) => {
      renameSync(join(root, "d"), join(root, "e"));
      symlinkSync("../outside", join(root, "d"));
      const file = await files.open(join(root, "d/a.txt"));
      // Without descriptors' paths it is none, because the path has a link in it.
      if (file !== undefined) assertEquals(file.path, join(root, "../outside/a.txt"));
      await file?.close();
      assertEquals(openBelow(join(root, "..")), []);
    }));
}

Deno.test("siteFiles goes on reading a file that has been replaced or removed", () =>
  withFolder(content, async (root) => {
    const files = createSiteFiles();
    const file = await files.open(join(root, "a.txt"));
    writeFileSync(join(root, "new"), "replaced");
    renameSync(join(root, "new"), join(root, "a.txt"));
    unlinkSync(join(root, "a.txt"));
    const memory = new Uint8Array(10);
    assertEquals([await file?.read(memory, 0), new TextDecoder().decode(memory)], [10, "0123456789"]);
    await file?.close();
  }));

Deno.test("siteFiles closes a file only when the read under way has ended", () =>
  withFolder({ "big.bin": new Uint8Array(8_000_000) }, async (root) => {
    const files = createSiteFiles();
    for (let turn = 0; turn < 5; turn++) {
      const file = (await files.open(join(root, "big.bin")))!;
      const ended: string[] = [];
      const reading = file.read(new Uint8Array(8_000_000), 0).then(() => ended.push("read"));
      await file.close().then(() => ended.push("closed"));
      await reading;
      assertEquals(ended, ["read", "closed"]);
    }
    assertEquals(openBelow(root), []);
  }));
