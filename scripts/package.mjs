/**
 * What the npm package is, and how it is built with nothing but Node and TypeScript: the one place that dnt's build, the
 * check and distributions read.
 *
 * ```sh
 * node scripts/package.mjs --out=npm [--tsc=/usr/bin/tsc] [--types=/usr/share/nodejs/@types]
 * ```
 */

// deno-lint-ignore-file explicit-module-boundary-types

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const readJson = (/** @type {string} */ path) => JSON.parse(readFileSync(join(root, path), "utf8"));
const config = readJson("deno.json");
const tools = join(root, "scripts/tools/node_modules");

/**
 * What only the publisher knows. npm attests where a package was built only if `repository` is where.
 *
 * @type {{ repository?: string, homepage?: string, bugs?: string }}
 */
const publisher = {};

/** The publisher's fields that are still empty. */
export const missingFields = ["repository", "homepage", "bugs"].filter((name) => !(name in publisher));

/** Where the package has what a module of the checkout becomes. */
function builtPath(/** @type {string} */ path, /** @type {".js" | ".d.ts"} */ extension) {
  return path.replace(/^\.\/(.*)\.ts$/, `./esm/$1${extension}`);
}

/**
 * The entry points, as deno.json exports them.
 *
 * @type {{ name: string, path: string }[]}
 */
export const entryPoints = Object.entries(config.exports).map(([name, path]) => ({ name, path }));

/** How the sources become JavaScript. ES2022: Node 20 and 22 know no `using`. */
export const compilerOptions = {
  target: "ES2022",
  lib: ["ES2022", "ESNext.Disposable", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
};

/** Files of the checkout that the package carries beside its modules. */
export const documents = ["README.md", "CHANGELOG.md", "LICENSE"];

/** The commands of `webfcgi` that have a manual page of their own. */
const commands = ["serve", "config", "doctor", "fetch", "bridge", "status"];
/** The manual pages, in the package. */
export const manuals = ["man/webfcgi.1", ...commands.map((name) => `man/webfcgi-${name}.1`)];

/**
 * The package.json.
 *
 * @type {{ name: string } & Record<string, unknown>}
 */
export const packageJson = {
  name: "webfcgi",
  version: config.version,
  description: "Puts a fetch handler, (request) => Response, behind nginx, Apache and every web server that speaks " +
    "FastCGI. For Node, Bun and Deno; no dependencies.",
  keywords: [
    ..."fastcgi fcgi cgi fetch handler server nginx apache lighttpd caddy haproxy mod_fcgid flup".split(" "),
    ..."php php-fpm hono deno bun node".split(" "),
  ],
  license: config.license,
  ...publisher,
  type: "module",
  // Node versions in which require() takes an ES module.
  engines: { node: "^20.19.0 || >=22.12.0" },
  sideEffects: false,
  types: builtPath(config.exports["."], ".d.ts"),
  // `default`, not `import`: require() must find it too.
  exports: Object.fromEntries(
    entryPoints.map(({ name, path }) => [name, { types: builtPath(path, ".d.ts"), default: builtPath(path, ".js") }]),
  ),
  bin: { webfcgi: builtPath(config.exports["./cli"], ".js") },
  man: manuals.map((path) => `./${path}`),
  files: ["esm/**/*.js", "esm/**/*.d.ts", "man/*.1", "CHANGELOG.md"],
};

/** The modules of a folder, as paths in the package. */
function modulesOf(/** @type {string} */ folder) {
  return readdirSync(join(folder, "esm"), { recursive: true, encoding: "utf8" }).map((path) => `esm/${path}`)
    .filter((path) => /\.(js|ts)$/.test(path)).sort();
}

/**
 * Adds what is not a module: the documents, the manual pages, and the package's own name in the examples of all. Comments
 * stay in the declarations, where editors show them; the modules lose theirs.
 */
export async function finishPackage(/** @type {string} */ folder, typescript = join(tools, "typescript")) {
  for (const name of documents) cpSync(join(root, name), join(folder, name));
  const { default: ts } = await import(pathToFileURL(join(typescript, "lib/typescript.js")).href);
  for (const path of [...documents, ...modulesOf(folder)]) {
    const text = readFileSync(join(folder, path), "utf8").replaceAll(`"${config.name}`, `"${packageJson.name}`);
    writeFileSync(join(folder, path), path.endsWith(".js") ? withoutComments(ts, text) : withLinks(path, text));
  }
  await writeManuals(folder);
}

/** Removes the comments of a module. */
function withoutComments(/** @type {any} */ ts, /** @type {string} */ text) {
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, removeComments: true };
  return ts.transpileModule(text, { compilerOptions: options }).outputText;
}

/** npm shows README away from the repository: without its address, links to other pages would lead nowhere. */
function withLinks(/** @type {string} */ path, /** @type {string} */ text) {
  if (!path.endsWith(".md") || publisher.homepage === undefined) return text;
  const base = publisher.homepage.replace(/#.*$/, "").replace(/\/?$/, "/blob/main/");
  return text.replaceAll(/\]\((?!https?:|#)([^)]+)\)/g, `](${base}$1)`);
}

/** Writes the manual pages from what `--help` prints. */
async function writeManuals(/** @type {string} */ folder) {
  mkdirSync(join(folder, "man"), { recursive: true });
  const load = (/** @type {string} */ name) => import(pathToFileURL(join(resolve(folder), "esm/src/cli", name)).href);
  const [{ COMMANDS }, { helpText }] = await Promise.all([load("commands.js"), load("arguments.js")]);
  for (const command of COMMANDS) {
    const [first] = command.summary.split(/[:.]\s|[:.]$/m);
    const page = manual(`webfcgi-${command.name}`, first, `webfcgi ${command.name} [options] ${command.operands}`, [
      ["DESCRIPTION", command.summary.replace(/\n/g, " ")],
      ["OPTIONS", ...optionsOf(helpText(command))],
      ["EXAMPLES", ...command.examples],
      ["SEE ALSO", "webfcgi(1)"],
    ]);
    writeFileSync(join(folder, `man/webfcgi-${command.name}.1`), page);
  }
  const all = COMMANDS.map(({ name, summary }) => `webfcgi-${name}(1): ${summary.split(/[:.]\s|[:.]$/m)[0]}`);
  const page = manual("webfcgi", "FastCGI for fetch handlers", "webfcgi COMMAND [options]", [["COMMANDS", ...all]]);
  writeFileSync(join(folder, "man/webfcgi.1"), page);
}

/** The options of a help text, each in a line of its own. */
function optionsOf(/** @type {string} */ help) {
  const [, text = ""] = /\nOptions:\n([^]*?)\n\n/.exec(help) ?? [];
  return text.replace(/\n {12,}/g, " ").split("\n").map((line) => line.trim().replace(/ {2,}/g, ": "));
}

/** A page in the language of man(7). */
function manual(
  /** @type {string} */ name,
  /** @type {string} */ summary,
  /** @type {string} */ synopsis,
  /** @type {string[][]} */ sections,
) {
  const escape = (/** @type {string} */ text) =>
    text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^([.'])/, "\\&$1");
  return [
    `.TH ${name.toUpperCase()} 1 "" "webfcgi ${config.version}"`,
    ...[".SH NAME", `${escape(name)} \\- ${escape(summary)}`, ".SH SYNOPSIS", escape(synopsis)],
    ...sections.flatMap(([title, ...lines]) => [`.SH ${title}`, ...lines.flatMap((line) => [".PP", escape(line)])]),
    "",
  ].join("\n");
}

/**
 * Builds the package in a folder.
 *
 * @param {string} folder
 * @param {{ tsc?: string, types?: string }} [where] TypeScript's program, and the folder that holds the types of Node
 */
export async function buildPackage(
  folder,
  { tsc = join(tools, "typescript/bin/tsc"), types = join(tools, "@types") } = {},
) {
  mkdirSync(folder, { recursive: true });
  const temp = mkdtempSync(join(tmpdir(), "webfcgi-build-"));
  try {
    const project = {
      compilerOptions: {
        ...compilerOptions,
        ...{ module: "ESNext", moduleResolution: "Bundler", strict: true, types: ["node"], typeRoots: [types] },
        ...{ rootDir: root, outDir: join(resolve(folder), "esm"), declaration: true, newLine: "lf" },
        rewriteRelativeImportExtensions: true,
      },
      files: entryPoints.map(({ path }) => join(root, path)),
    };
    writeFileSync(join(temp, "tsconfig.json"), JSON.stringify(project));
    const { status, stdout } = spawnSync(process.execPath, [tsc, "--project", join(temp, "tsconfig.json")], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`tsc failed:\n${stdout}`);
  } finally {
    rmSync(temp, { recursive: true });
  }
  // TypeScript leaves the specifiers in declarations as they are; dnt rewrites them.
  for (const path of modulesOf(folder).filter((path) => path.endsWith(".d.ts"))) {
    const text = readFileSync(join(folder, path), "utf8");
    writeFileSync(join(folder, path), text.replace(/(from |import\()("\.[^"]*)\.ts"/g, '$1$2.js"'));
  }
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(packageJson, null, 2)}\n`);
  await finishPackage(folder, resolve(tsc, "../.."));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (/** @type {string} */ name) =>
    process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const [tsc, types] = [option("tsc"), option("types")];
  await buildPackage(option("out") ?? "npm", { ...(tsc && { tsc }), ...(types && { types }) });
}
