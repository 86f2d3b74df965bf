// Whatever a value is made of, it adds nothing to a configuration but itself.

import { type ConfigTarget, configTargets, webServerConfig, type WebServerConfigOptions } from "../../src/config.ts";
import { Random } from "../protocol/random.ts";
import { assert, assertEquals } from "../std/assert.ts";

/** Options that take text, and a valid one of each kind. */
const values: Readonly<Record<string, (text: string) => WebServerConfigOptions>> = {
  "/run/app.sock": (listen) => ({ listen }),
  "127.0.0.1:9000": (listen) => ({ listen }),
  "[::1]:9000": (listen) => ({ listen }),
  "/run/app-%n.sock": (listen) => ({ listen: [listen, "9000"], workers: 1 }),
  "/app": (mount) => ({ mount }),
  "/static/": (url) => ({ static: [{ url, folder: "/srv/app/static" }] }),
  "/srv/app": (folder) => ({ static: [{ url: "/static/", folder }] }),
  "example.com": (host) => ({ host }),
  "example.com:8080": (host) => ({ host }),
  "20000001": (upload) => ({ upload }),
  "10001": (header) => ({ header }),
  "10.0.0.0/8": (trustProxy) => ({ trustProxy }),
  "fe80::/10": (trustProxy) => ({ trustProxy }),
  "/usr/bin/node app.js": (command) => ({ command }),
  "/srv/app/dispatch.fcgi": (command) => ({ command }),
  "dispatch.fcgi": (command) => ({ command }),
  "/auth": (auth) => ({ auth }),
};

const nasty = [
  ..." \t\n\r\0;{}()[]<>\"'`\\#$%&|!?*^~@=,+:/.-_\u00e9\u2028\u{1f600}\x7f\x80",
  "\n}\n",
  "; deny all;",
  '" } ',
  "\\\n",
  "$(id)",
  "%s",
  "${x}",
  "/../",
  "//",
  "*/",
  "# ",
  "a",
  "Z",
  "0",
];

/** How often each character that a format could take for its own is there, below the first line. */
function structure(text: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const char of text.slice(text.indexOf("\n")).replaceAll(/\\\.|[\w./:@+~,=-]/g, "")) {
    counts[char] = (counts[char] ?? 0) + 1;
  }
  return counts;
}

/** What a value may change the structure by. */
function kindOf(value: string): string {
  const kinds = [/^\//, /^\[/, /%n/, /:\d+$/, /^\/?$/, /^\/run\/.+\//];
  return kinds.map((kind) => kind.test(value)).join();
}

function write(target: ConfigTarget, options: WebServerConfigOptions): string | undefined {
  try {
    return webServerConfig(target, options).text;
  } catch (error) {
    assert(error instanceof TypeError || error instanceof RangeError, String(error));
    assert(error.message.startsWith("Cannot "), error.message);
    return undefined;
  }
}

function mutate(random: Random, text: string): string {
  let result = text;
  for (let count = random.below(3) + 1; count > 0; count--) {
    const at = random.below(result.length + 1);
    const end = at + random.below(2) * random.below(3);
    result = result.slice(0, at) + nasty[random.below(nasty.length)] + result.slice(end);
  }
  return result;
}

for (const target of configTargets) {
  Deno.test(`webServerConfig lets no value add anything to the text for ${target} but itself`, () => {
    const random = new Random(15);
    let accepted = 0;
    for (const [valid, options] of Object.entries(values)) {
      const besides: WebServerConfigOptions = target === "fcgid"
        ? { command: "/srv/app/dispatch.fcgi" }
        : target === "systemd" || target === "container"
        ? { command: "node app.js" }
        : {};
      const plain = write(target, { ...besides, ...options(valid) });
      // What the target has no use for, or cannot do.
      if (plain === undefined) continue;
      for (let round = 0; round < 400; round++) {
        const value = mutate(random, valid);
        const text = write(target, { ...besides, ...options(value) });
        if (text === undefined) continue;
        accepted++;
        assert(/^[\t\n\x20-\x7e]*$/.test(text), JSON.stringify(value));
        const [first = ""] = text.split("\n");
        assert(first.startsWith("# webfcgi config ") && !/[\\$`']/.test(first), first);
        // A command may have more words, and systemd's sign in them, which is then doubled.
        const isCommand = options("").command !== undefined && target !== "fcgid";
        const bare = (text: string): unknown =>
          isCommand ? { ...structure(text), " ": 0, "%": 0, '"': 0 } : structure(text);
        if (kindOf(value) === kindOf(valid)) assertEquals(bare(text), bare(plain), JSON.stringify(value));
      }
    }
    assert(accepted > 50, `only ${accepted} were accepted`);
  });
}
