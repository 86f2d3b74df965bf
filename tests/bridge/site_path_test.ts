import { isPlain, readSitePath, scriptNames } from "../../src/bridge/site_path.ts";
import { assertEquals } from "../std/assert.ts";

for (
  const [pathname, text, plain] of [
    ["/", "/", "/"],
    ["/a%20b/%C3%A9", "/a b/\u00e9", "/a b/\u00e9"],
    ["/a/", "/a/", "/a/"],
    ["/a/.../..b", "/a/.../..b", "/a/.../..b"],
    // All behind is for the application alone.
    ["//a", "//a", ""],
    ["/a//b", "/a//b", "/a"],
    ["/a//", "/a//", "/a"],
    ["/a/b%2fc/d", "/a/b/c/d", "/a"],
    ["/a/b%2Fc//d", "/a/b/c//d", "/a"],
    ["/a//b%2Fc", "/a//b/c", "/a"],
    ["/%2fa", "//a", ""],
    ["/\u0130/x", "/\u0130/x", "/\u0130/x"],
  ] as const
) {
  Deno.test(`readSitePath reads ${pathname}`, () => {
    const path = readSitePath(pathname)!;
    assertEquals([path.text, path.plain, isPlain(path)], [text, plain, text === plain]);
  });
}

for (
  const pathname of [
    "/..",
    "/a/../b",
    "/a/.",
    "/%2e%2E/x",
    "/a%2F..%2Fb",
    "/..%2Fx",
    "/a%5Cb",
    "/a%00b",
    "/a%0Ab",
    "/a%7Fb",
    "/%FF",
    "/%zz",
    "/%c0%ae%c0%ae/x",
  ]
) {
  Deno.test(`readSitePath reads nothing of ${pathname}`, () => {
    assertEquals(readSitePath(pathname), undefined);
  });
}

for (
  const [pathname, names] of [
    ["/", []],
    ["/a.php", ["/a.php"]],
    ["/a.php/", ["/a.php"]],
    ["/a.PHP/b/c.php/d", ["/a.PHP", "/a.PHP/b/c.php"]],
    ["/.php/x.php", ["/.php/x.php"]],
    ["/x.phps", []],
    ["/x.php//y.php", ["/x.php"]],
    ["/x.php%2fy.php", []],
    ["/a/x.php/b%2fy.php", ["/a/x.php"]],
    ["/\u0130.php/\u0130/x.php", ["/\u0130.php", "/\u0130.php/\u0130/x.php"]],
    [`/${"a".repeat(5000)}.php`, []],
  ] as const
) {
  Deno.test(`scriptNames finds ${names.length} scripts in ${pathname.slice(0, 40)}`, () => {
    assertEquals([...scriptNames(readSitePath(pathname)!, [".php"])], [...names]);
  });
}
