import { assertEquals } from "../std/assert.ts";
import { findMount, mountLocation, stripMount } from "../../src/cgi/mount.ts";
import { Params } from "../../src/cgi/params.ts";

type Row = [about: string, uri: string | undefined, params: string[], scriptName: string, pathInfo: string];

function check(rows: Row[], mount?: string): void {
  for (const [about, uri, params, scriptName, pathInfo] of rows) {
    const all = new Params(uri === undefined ? params : ["REQUEST_URI", uri, ...params]);
    assertEquals(findMount(all, mount), { scriptName, pathInfo }, about);
  }
}

const file = "/a/b.txt";
const under = "/fcgi/a/b.txt";
const apache = ["SERVER_SOFTWARE", "Apache/2.4.71 (Debian)", "SCRIPT_FILENAME"];

Deno.test("findMount finds the mount when the web server reports it", () => {
  check([
    ["nginx, Flask at the root", file, ["SCRIPT_NAME", file, "SCRIPT_NAME", "", "PATH_INFO", file], "", file],
    ["the same for /", "/", ["SCRIPT_NAME", "/", "SCRIPT_NAME", "", "PATH_INFO", "/"], "", "/"],
    ["nginx, Flask under a path", under, ["SCRIPT_NAME", "/fcgi", "PATH_INFO", file], "/fcgi", file],
    ["the same for the mount", "/fcgi", ["SCRIPT_NAME", "/fcgi", "PATH_INFO", ""], "/fcgi", ""],
    ["the same with a query", "/fcgi?a=/b", ["SCRIPT_NAME", "/fcgi", "PATH_INFO", ""], "/fcgi", ""],
    ["the same for what only begins alike", "/fcgix", ["SCRIPT_NAME", "/fcgi", "PATH_INFO", "x"], "", "/fcgix"],
    ["Apache, Flask at the root", file, ["SCRIPT_NAME", ""], "", file],
    ["Apache, Flask under a path", under, ["SCRIPT_NAME", "/fcgi"], "/fcgi", file],
    ["Apache, unescape at the root", file, ["SCRIPT_NAME", "", "PATH_INFO", file], "", file],
    ["Apache, unescape under a path", under, ["SCRIPT_NAME", "/fcgi", "PATH_INFO", file], "/fcgi", file],
    ["the same for the mount", "/fcgi", ["SCRIPT_NAME", "/fcgi", "PATH_INFO", "/"], "/fcgi", ""],
    ["mod_fcgid with Alias", under, ["SCRIPT_NAME", "/fcgi", "PATH_INFO", file], "/fcgi", file],
    ["Caddy without split", file, ["SCRIPT_NAME", "", "PATH_INFO", file], "", file],
    ["Caddy, handle_path", under, ["SCRIPT_NAME", "", "PATH_INFO", file], "/fcgi", file],
    ["the same for the folder", "/fcgi/", ["SCRIPT_NAME", "", "PATH_INFO", "/"], "/fcgi", "/"],
    ["Caddy, split /fcgi", under, ["SCRIPT_NAME", "/fcgi", "PATH_INFO", file], "/fcgi", file],
    ["lighttpd, the mount", "/fcgi", ["SERVER_SOFTWARE", "lighttpd/1.4.69", "SCRIPT_NAME", "/fcgi"], "/fcgi", ""],
    ["mod_fcgid with Alias, the mount", "/fcgi", [...apache, "/srv/x.fcgi", "SCRIPT_NAME", "/fcgi"], "/fcgi", ""],
    ["HAProxy, path-info ^(/fcgi)", under, ["SCRIPT_NAME", "/fcgi", "PATH_INFO", file], "/fcgi", file],
    ["HAProxy, path-info ^()", file, ["PATH_INFO", file], "", file],
    [".htaccess in a folder", under, ["SCRIPT_NAME", "/fcgi/dispatch.fcgi", "PATH_INFO", file], "/fcgi", file],
    ["the same for the folder", "/fcgi/", ["SCRIPT_NAME", "/fcgi/dispatch.fcgi", "PATH_INFO", "/"], "/fcgi", "/"],
    [".htaccess at the root", file, ["SCRIPT_NAME", "/dispatch.fcgi", "PATH_INFO", file], "", file],
    ["the script itself", "/fcgi/x.fcgi/a", ["SCRIPT_NAME", "/fcgi/x.fcgi", "PATH_INFO", "/a"], "/fcgi/x.fcgi", "/a"],
    ["a mount of two segments", "/a/b/c", ["SCRIPT_NAME", "/a/b/", "PATH_INFO", "/c"], "/a/b", "/c"],
    ["no REQUEST_URI", undefined, ["SCRIPT_NAME", "/f i", "PATH_INFO", "/a?b"], "/f i", "/a?b"],
  ]);
});

Deno.test("findMount is the root when the web server reports no mount or none that the URL has", () => {
  check([
    ["nginx with a bare fastcgi_pass", file, ["SCRIPT_NAME", file], "", file],
    ["the same for a folder", "/a/", ["SCRIPT_NAME", "/a/"], "", "/a/"],
    ["Apache with a bare ProxyPass", "/a%20b", ["SCRIPT_NAME", "/a b"], "", "/a b"],
    ["Apache, Flask under a path, the mount", "/fcgi", ["SCRIPT_NAME", "/fcgi"], "", "/fcgi"],
    ["the same with its file", "/a%20b", [...apache, "proxy:fcgi://h/a%20b", "SCRIPT_NAME", "/a b"], "", "/a b"],
    ["Apache SetHandler below an Alias", "/x/a", [...apache, "/srv/a", "SCRIPT_NAME", "/x/a"], "", "/x/a"],
    ["PHP style", file, ["SCRIPT_NAME", "/index.fcgi", "PATH_INFO", ""], "", file],
    ["h2o under a path", under, ["SCRIPT_NAME", "", "PATH_INFO", under], "", under],
    ["h2o, OPTIONS *", "*", ["SCRIPT_NAME", "", "PATH_INFO", "/*"], "", "/"],
    ["PATH_INFO of another path", file, ["SCRIPT_NAME", "", "PATH_INFO", "/x"], "", file],
    ["a script, and PATH_INFO of another path", file, ["SCRIPT_NAME", "/x.fcgi", "PATH_INFO", "/x"], "", file],
    ["PATH_INFO that cuts a segment", "/xa", ["PATH_INFO", "a"], "", "/xa"],
    ["nothing but the URL", file, [], "", file],
    ["empty PATH_INFO", file, ["SCRIPT_NAME", "", "PATH_INFO", ""], "", file],
    ["nothing at all", undefined, [], "", "/"],
  ]);
});

Deno.test("findMount cannot know better when the web server reports a plausible mount", () => {
  check([["Apache SetHandler, lighttpd", file, ["SCRIPT_NAME", "/a", "PATH_INFO", "/b.txt"], "/a", "/b.txt"]]);
});

Deno.test("findMount takes the mount that it is told", () => {
  const sethandler = ["SCRIPT_NAME", "/a", "PATH_INFO", "/b.txt"];
  for (const root of ["", "/"]) check([["root", file, sethandler, "", file]], root);
  for (const mount of ["/fcgi", "/fcgi/", "fcgi", "//fcgi"]) {
    check([
      [mount, under, ["SCRIPT_NAME", "/fcgi/a", "PATH_INFO", "/b.txt"], "/fcgi", file],
      [mount, "/fcgi", ["SCRIPT_NAME", "/fcgi"], "/fcgi", ""],
      [mount, "/fcgi/", [], "/fcgi", "/"],
      [mount, "/fcgix", [], "", "/fcgix"],
      [mount, "/", [], "", "/"],
    ], mount);
  }
  check([["UTF-8", "/caf%C3%A9/x", [], "/caf\u00e9", "/x"]], "/caf\u00e9");
});

Deno.test("findMount compares paths as web servers have normalised them", () => {
  const fcgi = ["SCRIPT_NAME", "/fcgi", "PATH_INFO", "/a"];
  for (const uri of ["//fcgi///a", "/x/../fcgi/./a", "/%66cgi/a", "/fcgi%2Fa", "/fcgi/b/%2e%2E/a", "/../fcgi/a"]) {
    check([[uri, uri, fcgi, "/fcgi", "/a"]]);
  }
  check([
    ["absolute form", "http://h/fcgi/a?b", fcgi, "/fcgi", "/a"],
    ["fragment", "/fcgi/a#b", fcgi, "/fcgi", "/a"],
    ["dots at the end", "/fcgi/a/..", ["SCRIPT_NAME", "/fcgi", "PATH_INFO", "/"], "/fcgi", "/"],
    ["a dot at the end", "/fcgi/a/.", ["SCRIPT_NAME", "/fcgi", "PATH_INFO", "/a/"], "/fcgi", "/a/"],
    ["dots up to the root", "/a/..", ["SCRIPT_NAME", "", "PATH_INFO", "/"], "", "/"],
    ["names with dots", "/.a/..b/c.", ["SCRIPT_NAME", "/.a"], "/.a", "/..b/c."],
  ]);
});

Deno.test("findMount reads slashes as the web server does when it says how", () => {
  check([
    ["nginx, bare", "/a//b%2Fc", ["SCRIPT_NAME", "/a/b/c"], "", "/a/b/c"],
    ["merge_slashes off", "//admin%2F/x", ["SCRIPT_NAME", "//admin//x"], "", "//admin//x"],
    [
      "nginx with a mount",
      "/fcgi/a//b%2Fc",
      ["SCRIPT_NAME", "/fcgi", "DOCUMENT_URI", "/fcgi/a/b/c"],
      "/fcgi",
      "/a/b/c",
    ],
    ["Apache, NoDecode", "/admin%2fx", ["SCRIPT_NAME", "", "PATH_INFO", "/admin%2fx"], "", "/admin%2fx"],
    ["Apache, On", "/admin%2fx", ["SCRIPT_NAME", "", "PATH_INFO", "/admin/x"], "", "/admin/x"],
    ["Windows", "/admin\\x", ["SCRIPT_NAME", "/admin/x"], "", "/admin/x"],
  ]);
});

Deno.test("findMount leaves slashes as they are in the URL when the web server does not say how it reads them", () => {
  check([
    ["nothing said", "/admin%2fx//y", [], "", "/admin%2Fx//y"],
    ["Apache, Flask at the root", "/admin%2Fx", ["SCRIPT_NAME", ""], "", "/admin%2Fx"],
    ["Apache, Flask under a path", "//fcgi//admin%2Fx", ["SCRIPT_NAME", "/fcgi"], "/fcgi", "//admin%2Fx"],
    ["Caddy, handle_path", "/fcgi/a%2Fb", ["SCRIPT_NAME", "", "PATH_INFO", "/a/b"], "/fcgi", "/a%2Fb"],
    ["PHP style", "//a", ["SCRIPT_NAME", "/index.fcgi", "PATH_INFO", "", "DOCUMENT_URI", "/index.fcgi"], "", "//a"],
    ["an encoded percent sign", "/a%252Fb", [], "", "/a%2Fb"],
  ]);
  check([["another mount", "//fcgi/x", [], "", "//fcgi/x"]], "/fcgi");
});

Deno.test("findMount is the root's when the request is refused", () => {
  check([["dots", "/public/..%2fadmin/x", ["SCRIPT_NAME", "", "PATH_INFO", "/public/..%2fadmin/x"], "", "/"]]);
});

Deno.test("findMount gives text when the path is UTF-8, else latin1", () => {
  check([
    ["raw", "/f\xc3\xa9/\xe2\x82\xac", ["SCRIPT_NAME", "/f\xc3\xa9"], "/f\u00e9", "/\u20ac"],
    ["encoded", "/f%C3%A9/%e2%82%ac", ["SCRIPT_NAME", "/f\xc3\xa9"], "/f\u00e9", "/\u20ac"],
    ["not UTF-8", "/%ff/%C3%A9", ["SCRIPT_NAME", "/\xff"], "/\xff", "/\u00e9"],
    ["NUL and a bad encoding", "/a%00b%zz", [], "", "/a\0b%zz"],
  ]);
});

Deno.test("stripMount cuts the mount off the raw path", () => {
  const strip = (path: string, mount: string) => stripMount("http://h:1" + path, mount)?.slice("http://h:1".length);
  assertEquals(strip("/fcgi/a%2Fb;c?d=/fcgi#e", "/fcgi"), "/a%2Fb;c?d=/fcgi#e");
  assertEquals(strip("/fcgi", "/fcgi"), "/");
  assertEquals(strip("/fcgi?q", "/fcgi"), "/?q");
  assertEquals(strip("/fcgi/", "/fcgi"), "/");
  assertEquals(strip("/a/b/c", "/a/b"), "/c");
  assertEquals(strip("//a///b/c//d", "/a/b"), "/c//d", "slashes are merged for comparison only");
  assertEquals(strip("/%66cg%69/%66", "/fcgi"), "/%66");
  assertEquals(strip("/caf%C3%A9/x", "/caf\u00e9"), "/x");
  assertEquals(strip("/%ff/x", "/\xff"), "/x");
});

Deno.test("stripMount leaves a URL as it is when the mount is the root", () => {
  assertEquals(stripMount("http://h//evil?x", ""), "http://h//evil?x");
});

Deno.test("stripMount refuses a URL in which the mount does not end at a slash, or two follow it", () => {
  for (const path of ["/", "/fcgix", "/fcgix/a", "/fcg", "/x/fcgi", "/FCGI/a", "/fcgi%2Fa", "/?/fcgi", "/a#/fcgi"]) {
    assertEquals(stripMount("http://fcgi" + path, "/fcgi"), undefined, path);
  }
  for (const path of ["/fcgi//evil/x", "/fcgi//", "//fcgi//evil"]) {
    assertEquals(stripMount("http://h" + path, "/fcgi"), undefined, path);
  }
  assertEquals(stripMount("http://h/a/b", "/a/b/c"), undefined);
  assertEquals(stripMount("http://h/a%2Fb/c", "/a/b"), undefined);
});

Deno.test("mountLocation puts the mount before what leads into the application, and before nothing else", () => {
  const mounted = (location: string, mount = "/app"): string => mountLocation(location, mount, "http://h:1/a?b");
  for (
    const [location, expected] of [
      ["/", "/app/"],
      ["/u/1?a=/b#c", "/app/u/1?a=/b#c"],
      ["/application", "/app/application"],
      ["http://h:1/u", "http://h:1/app/u"],
      ["http://h:1/", "http://h:1/app/"],
    ]
  ) assertEquals(mounted(location!), expected, location);
  for (
    const location of [
      ...["/app", "/app/", "/app/u", "/app?a", "/app#a", "http://h:1/app/u", "http://h:1/app"],
      ...["", "u", "./u", "../u", "?a", "#a", "//other/u", "/\\other/u", "\\/other", "http://h:1"],
      ...["http://other/u", "http://h:12/u", "https://h:1/u", "http://h:1//other", "mailto:a@b"],
    ]
  ) assertEquals(mounted(location), location);
  assertEquals(mounted("/u", "/caf\u00e9 ?/b"), "/caf%C3%A9%20%3F/b/u");
  assertEquals(mounted("/caf%C3%A9/u", "/caf\u00e9"), "/caf%C3%A9/u");
});
