/**
 * Checks the npm package: packs it, installs the tarball in an empty project and uses it there. The release gives the
 * folder that dnt has built, and publishes the tarball; without one, TypeScript alone builds the same package from the
 * same description.
 *
 * ```sh
 * deno task test:package [--folder=npm] [--tarball=webfcgi.tgz]
 * ```
 */

import { existsSync } from "node:fs";
import config from "../deno.json" with { type: "json" };
import { outputOf } from "../tests/helpers/output_of.ts";
import { findRuntimes } from "../tests/runtimes.ts";
import { bundleTests } from "./bundle_tests.ts";
import { root } from "./list_files.ts";
import { option } from "./option.ts";
import { compilerOptions, documents, entryPoints, finishPackage, packageJson } from "./package.ts";

const checkout = decodeURI(root.pathname);
const tools = `${checkout}scripts/tools/node_modules`;
const specifiers = entryPoints.map(({ name }) => packageJson.name + name.slice(1));

const temp = await Deno.makeTempDir({ prefix: "webfcgi-npm-" });
/** A project with nothing but the package. */
const app = `${temp}/app`;
const installed = `${app}/node_modules/${packageJson.name}`;

const npm = (cwd: string, ...args: string[]): Promise<string> => outputOf(["npm", ...args], { cwd });

const writeJson = (path: string, value: unknown): Promise<void> => Deno.writeTextFile(path, JSON.stringify(value));

/** Runs TypeScript on files, with the types of Node. */
async function tsc(files: readonly string[], options: Record<string, unknown>): Promise<void> {
  const types = { types: ["node"], typeRoots: [`${tools}/@types`] };
  await writeJson(`${temp}/tsconfig.json`, { compilerOptions: { strict: true, ...types, ...options }, files });
  await outputOf(["node", `${tools}/typescript/bin/tsc`, "--project", `${temp}/tsconfig.json`]);
}

/** Makes the package that dnt would make, with nothing but TypeScript, and gives back its folder. */
async function build(): Promise<string> {
  const folder = `${temp}/package`;
  await Deno.mkdir(folder);
  await writeJson(`${folder}/package.json`, packageJson);
  await tsc(entryPoints.map(({ path }) => checkout + path), {
    ...compilerOptions,
    module: "ESNext",
    moduleResolution: "Bundler",
    rootDir: checkout,
    outDir: `${folder}/esm`,
    declaration: true,
    rewriteRelativeImportExtensions: true,
  });
  // TypeScript leaves the specifiers in declarations as they are; dnt rewrites them.
  for (const path of (await expectedFiles()).filter((path) => path.endsWith(".d.ts"))) {
    const text = await Deno.readTextFile(`${folder}/${path}`);
    await Deno.writeTextFile(`${folder}/${path}`, text.replace(/(from |import\()("\.[^"]*)\.ts"/g, '$1$2.js"'));
  }
  await finishPackage(folder);
  return folder;
}

/** The documents, and every module that an entry point reaches, with its types. */
async function expectedFiles(): Promise<string[]> {
  const files = new Set(["package.json", ...documents]);
  for (const { path } of entryPoints) {
    const graph = JSON.parse(await outputOf([Deno.execPath(), "info", "--json", path], { cwd: root }));
    for (const { local } of graph.modules) {
      if (local === undefined) continue;
      const module = local.slice(checkout.length).replace(/\.ts$/, "");
      files.add(`esm/${module}.js`).add(`esm/${module}.d.ts`);
    }
  }
  return [...files];
}

/** Packs the package and installs it, and nothing else, in an empty project. */
async function install(): Promise<{ tarball: string; packed: string[] }> {
  const given = option("folder");
  const folder = given === undefined ? await build() : await Deno.realPath(given);
  const pack = await npm(folder, "pack", "--json", "--ignore-scripts", `--pack-destination=${temp}`);
  const [{ filename, files }] = JSON.parse(pack);
  const tarball = `${temp}/${filename}`;
  const kept = option("tarball");
  if (kept !== undefined) await Deno.copyFile(tarball, kept);
  await Deno.mkdir(app);
  await writeJson(`${app}/package.json`, { type: "module", private: true });
  await npm(app, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", tarball);
  return { tarball, packed: files.map(({ path }: { path: string }) => path) };
}

function assertSameNames(actual: readonly string[], expected: readonly string[]): void {
  const missing = expected.filter((name) => !actual.includes(name));
  const extra = actual.filter((name) => !expected.includes(name));
  if (missing.length + extra.length > 0) throw new Error(`missing: ${missing.join(" ")}; extra: ${extra.join(" ")}`);
}

async function checkWords(packed: readonly string[]): Promise<void> {
  const words = [checkout, temp, "file://", "sourceMappingURL", `"${config.name}`];
  for (const file of packed) {
    const text = await Deno.readTextFile(`${installed}/${file}`);
    const found = words.find((word) => text.includes(word));
    if (found !== undefined) throw new Error(`${file} contains ${found}`);
  }
}

/** Prints the names that each entry point gives to `import`; fails if `require()` gives anything else. */
const printNames = `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const names = {};
for (const specifier of process.argv.slice(2)) {
  const [imported, required] = [await import(specifier), require(specifier)];
  names[specifier] = Object.keys(imported);
  const other = names[specifier].filter((name) => required[name] !== imported[name]);
  if (other.length > 0) throw new Error(specifier + ": require() gives another " + other);
}
console.log(JSON.stringify(names));
`;

async function checkNames(command: readonly [string, ...string[]]): Promise<void> {
  await Deno.writeTextFile(`${app}/names.mjs`, printNames);
  const names = JSON.parse(await outputOf([...command, "names.mjs", ...specifiers], { cwd: app }));
  for (const [i, { path }] of entryPoints.entries()) {
    assertSameNames(names[specifiers[i]!], Object.keys(await import(new URL(path, root).href)));
  }
}

/** Type-checks `npm_consumer.ts` against the package, under the module resolution and the types that users have. */
async function checkTypes(options: Record<string, unknown>): Promise<void> {
  const consumer = await Deno.readTextFile(new URL("npm_consumer.ts", import.meta.url));
  await Deno.writeTextFile(`${app}/consumer.ts`, consumer.replaceAll(`"${config.name}`, `"${packageJson.name}`));
  const strict = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false };
  await tsc([`${app}/consumer.ts`], { target: "ES2022", noEmit: true, ...strict, ...options });
}

/** Runs the tests with the library's modules taken from the package. */
async function checkBehaviour(command: readonly [string, ...string[]]): Promise<string | undefined> {
  const bundle = await bundleTests(`${installed}/esm`);
  try {
    // A module that no entry point reaches has tests but is not in the package.
    const sources = (await Deno.readTextFile(bundle)).matchAll(/^\/\/ ((?:mod|src\/.*)\.)ts$/gm);
    const own = [...sources].map(([, path]) => path!).filter((path) => existsSync(`${installed}/esm/${path}js`));
    if (own.length > 0) throw new Error(`taken from the sources: ${own.join(" ")}`);
    return (await outputOf([...command, bundle], { cwd: root })).trim().split("\n").at(-1);
  } finally {
    await Deno.remove(bundle.replace(/[^/]*$/, ""), { recursive: true });
  }
}

async function main(): Promise<void> {
  const counts = { passed: 0, failed: 0 };
  const check = async (name: string, body: () => Promise<unknown>): Promise<void> => {
    try {
      const detail = await body();
      counts.passed++;
      console.log(`ok    ${name}${typeof detail === "string" && detail ? ` (${detail})` : ""}`);
    } catch (error) {
      counts.failed++;
      console.log(`FAIL  ${name}\n${error instanceof Error ? error.message : error}`);
    }
  };
  const { tarball, packed } = await install();
  const runtimes = await findRuntimes();
  const bundler = { module: "ESNext", moduleResolution: "Bundler", lib: compilerOptions.lib };
  await check("publint finds nothing", async () => {
    await outputOf(["node", `${tools}/publint/src/cli.js`, tarball, "--strict"]);
  });
  await check("arethetypeswrong finds nothing", async () => {
    await outputOf(["node", `${tools}/@arethetypeswrong/cli/dist/index.js`, tarball, "--profile", "esm-only"]);
  });
  await check("the package holds its modules, their types and its documents, nothing else", async () => {
    assertSameNames(packed, await expectedFiles());
  });
  await check("no file names this machine, a source map or the library's name on JSR", () => checkWords(packed));
  await check("the package brings no other package with it", async () => {
    const folders = await Array.fromAsync(Deno.readDir(`${app}/node_modules`), ({ name }) => name);
    assertSameNames(folders.filter((name) => !name.startsWith(".")), [packageJson.name]);
  });
  for (const { name, command } of runtimes) {
    await check(`import and require() give the sources' names on ${name}`, () => checkNames(command));
  }
  await check(
    "a program compiles (NodeNext, types of Node)",
    () => checkTypes({ module: "NodeNext", lib: ["ES2022"] }),
  );
  await check("a program compiles (Bundler, types of Node and DOM)", () => checkTypes(bundler));
  await check("a program compiles (Bundler, types of DOM)", () => checkTypes({ ...bundler, types: [] }));
  // On one, the oldest, because all have passed them with the sources, of which these are the JavaScript.
  const oldest = runtimes.find(({ name }) => name.startsWith("node"));
  if (oldest) await check(`the package passes the tests on ${oldest.name}`, () => checkBehaviour(oldest.command));
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  if (counts.failed > 0) Deno.exitCode = 1;
}

try {
  await main();
} finally {
  await Deno.remove(temp, { recursive: true });
}
