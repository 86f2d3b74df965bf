import { findScript, type ScriptRules } from "../../src/bridge/script_path.ts";
import { assertEquals } from "../std/assert.ts";

const rules: ScriptRules = { index: "index.php", frontController: "/index.php", scriptExtensions: [".php"] };
const front = ["/index.php", "", "/www/index.php"];

async function find(pathname: string, changed: Partial<ScriptRules> = {}): Promise<string[] | undefined> {
  const found = await findScript(pathname, "/www/", { ...rules, ...changed });
  return found && [found.scriptName, found.pathInfo, found.scriptFilename];
}

for (
  const [pathname, expected] of [
    ["/", front],
    ["/index.php", front],
    ["/a/b.php", ["/a/b.php", "", "/www/a/b.php"]],
    ["/a/b.php/", ["/a/b.php", "/", "/www/a/b.php"]],
    ["/a/b.php/c/d.php", ["/a/b.php", "/c/d.php", "/www/a/b.php"]],
    ["/a%20b.php/%C3%A9", ["/a b.php", "/\u00e9", "/www/a b.php"]],
    ["/B.PHP", ["/B.PHP", "", "/www/B.PHP"]],
    ["/blog/post", front],
    ["/blog/", front],
    ["/style.css", front],
    ["/x.phps", front],
    ["/.php", front],
    // PHP would take upload.jpg for the script if x.php does not exist.
    ["/upload.jpg/x.php", front],
    ["/upload.jpg%2Fx.php", front],
    ["/a/upload.jpg/b/x.php", front],
    ["/v1.2/x.php", front],
    // CVE-2019-11043 needs a line feed.
    ["/index.php/%0Ax", front],
    ["/index.php%00.jpg", front],
    ["/a%5Cb.php", front],
    ["/a%2F..%2F..%2Fetc.php", front],
    ["/..%2Fx.php", front],
    ["/%2E%2E/x.php", front],
    ["/%FF.php", front],
    ["/%zz.php", front],
  ] as const
) {
  Deno.test(`findScript finds ${expected[2]} for ${pathname}`, async () => {
    assertEquals(await find(pathname), [...expected]);
  });
}

const files = new Set(["/www/a.php", "/www/d/index.php", "/www/upload.jpg", "/www/v1.2/x.php"]);
const looks: string[] = [];
const isFile = (path: string): Promise<boolean> => {
  looks.push(path);
  return Promise.resolve(files.has(path));
};

for (
  const [pathname, expected] of [
    ["/a.php/x", ["/a.php", "/x", "/www/a.php"]],
    ["/none.php", front],
    ["/none.php/a.php", front],
    ["/d/", ["/d/index.php", "", "/www/d/index.php"]],
    ["/e/", front],
    ["/upload.jpg/x.php", front],
    ["/v1.2/x.php/p", ["/v1.2/x.php", "/p", "/www/v1.2/x.php"]],
  ] as const
) {
  Deno.test(`findScript finds ${expected[2]} for ${pathname} when it may look at the files`, async () => {
    assertEquals(await find(pathname, { isFile }), [...expected]);
  });
}

Deno.test("findScript never looks outside the document root", async () => {
  looks.length = 0;
  for (const pathname of ["/../x.php", "/..%2Fx.php", "/a/..%2f..%2fx.php", "/%2e%2e%2fx.php/", "/a.php%00/.."]) {
    await find(pathname, { isFile });
  }
  assertEquals(looks.filter((path) => path.includes("..") || path.includes("\0")), []);
});

Deno.test("findScript finds nothing when there is no front controller", async () => {
  const frontController = null;
  assertEquals(await find("/blog", { frontController }), undefined);
  assertEquals(await find("/upload.jpg/x.php", { frontController }), undefined);
  assertEquals(await find("/", { frontController }), front);
  assertEquals(await find("/a.php", { frontController }), ["/a.php", "", "/www/a.php"]);
});
