/** The blocks of code in README and `docs/`, as they stand there, for the tests that run them. */

import { mendingLines } from "../../src/config.ts";

/** A fenced block of a page. */
export interface Block {
  /** The page, as a path in the checkout. */
  readonly page: string;
  /** The heading that it stands under. */
  readonly heading: string;
  /** What follows the opening fence, such as `nginx` or `js ignore`. */
  readonly info: string;
  readonly text: string;
}

/** Pages with code: everything that a user reads. */
export const pages: readonly string[] = [
  "README.md",
  ...[...Deno.readDirSync("docs")].map(({ name }) => `docs/${name}`).filter((path) => path.endsWith(".md")).sort(),
  "CHANGELOG.md",
  "SECURITY.md",
  ".github/CONTRIBUTING.md",
];

/** Reads the blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  const parts = Deno.readTextFileSync(page).matchAll(/^(?:#+ (.*)|```(\S.*)\n([^]*?)^```)$/gm);
  for (const [, title, info, text] of parts) {
    if (title !== undefined) heading = title;
    else blocks.push({ page, heading, info: info!, text: text! });
  }
  return blocks;
}

/** The text of the only block of a page that fits. @throws {Error} If there is none, or more than one. */
export function block(page: string, heading: string, info: string): string {
  const found = blocksOf(page).filter((block) => block.heading === heading && block.info === info);
  if (found.length !== 1) throw new Error(`${page} has ${found.length} blocks of ${info} under "${heading}", not one`);
  return found[0]!.text;
}

/** Lines for nginx's `http { }` that others use, by the variable that each sets. */
const maps = (["host", "https"] as const).flatMap((need) => mendingLines("nginx", need).lines)
  .filter(({ place }) => place === "http")
  .map(({ text }) => [/^(?:map|geo) \S+ (\$\w+)/.exec(text)?.[1] ?? "", `${text}\n`] as const);

/** A whole `server { }` of directives that belong in one, with the maps that they use. */
export function nginxServer(directives: string): string {
  const used = maps.filter(([name, text]) => directives.includes(name) && !directives.includes(text.split("\n")[0]!));
  const server = directives.includes("listen ")
    ? directives.replaceAll(/^ *listen \[::\].*\n/gm, "")
    : `server {\nlisten 80;\nserver_name localhost;\n${directives}}\n`;
  return used.map(([, text]) => text).join("") + server;
}
