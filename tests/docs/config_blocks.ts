/**
 * The blocks of configuration in `docs/` that the code writes: a whole one begins with the command that makes it, lines
 * for one need have the need's name after the fence's language. Run by itself, this writes them into the pages.
 */

import { type Mending, mendingLines, type Need, needs, webServerConfig, type WebServerName } from "../../src/config.ts";
import { parseArguments } from "../../src/cli/arguments.ts";
import { CONFIG } from "../../src/cli/commands.ts";
import { readOptions } from "../../src/cli/config.ts";

const servers: Readonly<Record<string, WebServerName>> = {
  nginx: "nginx",
  apache: "apache",
  fcgid: "fcgid",
  lighttpd: "lighttpd",
  caddy: "caddy",
  haproxy: "haproxy",
  yaml: "h2o",
};

/** What the code writes for a block, or `undefined` if it does not write it. */
export function writtenBlock(info: string, text: string): string | undefined {
  const [, command] = /^# webfcgi config (.*)\n/.exec(text) ?? [];
  if (command !== undefined) {
    const words = command.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));
    const read = parseArguments(CONFIG, words);
    if (read === undefined) throw new Error(`webfcgi config ${command} asks for help`);
    return webServerConfig(words[0] as WebServerName, readOptions(read)).text;
  }
  const words = info.split(" ");
  const need = words.at(-1) as Need;
  if (words.length < 2 || !needs.includes(need)) return undefined;
  return mendingText(mendingLines(servers[words.at(-2)!]!, need));
}

/** Lines below a comment for the place where they belong. */
function mendingText({ lines }: Mending): string {
  const places = [...new Set(lines.map(({ place }) => place))];
  return places.map((place) => {
    const texts = lines.filter((line) => line.place === place).map(({ text }) => text);
    return `# ${place}\n${texts.join("\n")}\n`;
  }).join("");
}

/** A page with its blocks as the code writes them. */
export function writtenPage(text: string): string {
  return text.replaceAll(/^```(\S.*)\n([^]*?)^```$/gm, (block, info: string, content: string) => {
    const written = writtenBlock(info, content);
    return written === undefined ? block : `\`\`\`${info}\n${written}\`\`\``;
  });
}

if (import.meta.main) {
  const docs = new URL("../../docs/", import.meta.url);
  for (const { name } of Deno.readDirSync(docs)) {
    if (!name.endsWith(".md")) continue;
    const page = new URL(name, docs);
    const text = Deno.readTextFileSync(page);
    const written = writtenPage(text);
    if (written !== text) Deno.writeTextFileSync(page, written);
  }
}
