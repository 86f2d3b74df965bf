/** The property that guards rely on: what is served lies where the URL's decoded path says, however it is spelled. */

import { assert, assertEquals } from "../std/assert.ts";
import { bridgeTest } from "./site.ts";

const paths = ["a.txt", "d/a.txt", "d/d/a.txt", "d/index.html", "d.php/a.txt", "private/a.txt"];
const files = {
  ...Object.fromEntries(paths.map((path) => [path, `FILE /${path}`])),
  "x.php": "SOURCE",
  "d/x.php": "SOURCE",
  "d/d/index.php": "SOURCE",
  "private/x.php": "SOURCE",
};
const PIECES = [
  ...[
    "/",
    "/",
    "/",
    "//",
    "%2f",
    "%2F",
    "\\",
    "%5C",
    "/./",
    "/../",
    "/%2e/",
    "/%2E./",
    "/..%2f",
    ".",
    "..",
    "%2e",
    ";",
  ],
  ...[
    "a.txt",
    "d",
    "d",
    "d.php",
    "x.php",
    "index.html",
    "private",
    "%61.txt",
    "%64",
    "%00",
    "%0a",
    "%ff",
    "c:",
    "x",
    "?",
  ],
];

/** Numbers below 1, the same in each run. */
function* numbers(): Generator<number> {
  for (let state = 1;;) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0;
    yield state / 2 ** 32;
  }
}

/** A URL's path as a guard reads it: dot segments resolved, decoded, but what is an encoded slash is none. */
function guardedPath(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname.replace(/%2f/gi, "%252f"));
  } catch {
    return "not UTF-8";
  }
}

bridgeTest(
  "bridge serves what the decoded path of the URL names, or nothing",
  files,
  {},
  async ({ asked, handler }) => {
    const random = numbers();
    const next = (below: number): number => Math.floor(random.next().value! * below);
    const served = { file: 0, script: 0, refused: 0 };
    for (let turn = 0; turn < 20_000; turn++) {
      const target = "/" + Array.from({ length: 1 + next(6) }, () => PIECES[next(PIECES.length)]).join("");
      const url = `http://localhost${target}`;
      const request = new Request("http://localhost/");
      // Raw, as Deno gives it to handlers, or as the others do.
      Object.defineProperty(request, "url", { value: turn % 2 === 0 ? url : new URL(url).href });
      asked.length = 0;
      const response = await handler(request);
      const text = await response.text();
      assert(!text.includes("SOURCE"), target);
      const guarded = guardedPath(url);
      const scriptName = asked[0]?.scriptName ?? "/index.php";
      if (response.status === 400) {
        served.refused++;
      } else if (text.startsWith("FILE ")) {
        served.file++;
        assertEquals([target, text], [target, `FILE ${guarded}${guarded.endsWith("/") ? "index.html" : ""}`]);
      } else if (scriptName !== "/index.php") {
        served.script++;
        assert(`${guarded}index.php` === scriptName || `${guarded}/`.startsWith(`${scriptName}/`), target);
      }
    }
    assert(served.file > 100 && served.script > 100 && served.refused > 100, JSON.stringify(served));
  },
);
