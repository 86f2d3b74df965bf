/**
 * Checks the npm package: packs it, installs the tarball in an empty project and uses it there. The release gives the
 * folder that dnt has built, and publishes the tarball; without one, TypeScript alone builds the same package from the
 * same description.
 *
 * ```sh
 * deno task test:package [--folder=npm] [--tarball=webfcgi.tgz] [--release]
 * ```
 */

import { existsSync } from "node:fs";
import config from "../deno.json" with { type: "json" };
import { outputOf } from "../tests/helpers/output_of.ts";
import { findRuntimes } from "../tests/runtimes.ts";
import { bundleTests } from "./bundle_tests.ts";
import { root } from "./list_files.ts";
import { option } from "./option.ts";
import { compilerOptions, documents, entryPoints, manuals, missingFields, packageJson } from "./package.mjs";

const checkout = decodeURI(root.pathname);
const tools = `${checkout}scripts/tools/node_modules`;
const specifiers: string[] = entryPoints.map(({ name }: { name: string }) => packageJson.name + name.slice(1));

const temp = await Deno.makeTempDir({ prefix: "webfcgi-npm-" });
/** A project with nothing but the package. */
const app = `${temp}/app`;
const installed = `${app}/node_modules/${packageJson.name}`;

const npm = (cwd: string, ...args: string[]): Promise<string> => outputOf(["npm", ...args], { cwd });

const writeJson = (path: string, value: unknown): Promise<void> => Deno.writeTextFile(path, JSON.stringify(value));

/** Runs a version of TypeScript on files, with the types of Node. */
async function tsc(version: string, files: readonly string[], options: Record<string, unknown>): Promise<void> {
  await writeJson(`${temp}/tsconfig.json`, {
    compilerOptions: { strict: true, ...typesOf("node"), ...options },
    files,
  });
  await outputOf(["node", `${tools}/${version}/bin/tsc`, "--project", `${temp}/tsconfig.json`]);
}

/** Makes the package that dnt would make, with nothing but Node and TypeScript, and gives back its folder. */
async function build(name = "package"): Promise<string> {
  await outputOf(["node", `${checkout}scripts/package.mjs`, `--out=${temp}/${name}`]);
  return `${temp}/${name}`;
}

/** The documents, the manual pages, and every module that an entry point reaches, with its types. */
async function expectedFiles(): Promise<string[]> {
  const files = new Set<string>(["package.json", ...documents, ...manuals]);
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

/** The types of a version of Node, or of Bun, by themselves: two versions would contradict each other. */
function typesOf(name: string): { types: string[]; typeRoots: string[] } {
  const folder = `${temp}/types/${name}`;
  const own = name === "bun" ? "bun" : "node";
  if (!existsSync(folder)) {
    Deno.mkdirSync(folder, { recursive: true });
    Deno.symlinkSync(`${tools}/@types/${name}`, `${folder}/${own}`);
  }
  return { types: [own], typeRoots: [folder] };
}

/** What users have: a way to find modules, with the types of a runtime and with or without the DOM's. */
const surroundings: Readonly<Record<string, Record<string, unknown>>> = {
  ...Object.fromEntries(
    ["node20", "node22", "node", "node26"].map((types) => [
      `NodeNext, @types/${types}`,
      { module: "NodeNext", lib: ["ES2022", "ESNext.Disposable"], ...typesOf(types) },
    ]),
  ),
  "bundler, types of Node and the DOM": { module: "ESNext", moduleResolution: "Bundler", lib: compilerOptions.lib },
  "bundler, types of the DOM alone": {
    module: "ESNext",
    moduleResolution: "Bundler",
    lib: compilerOptions.lib,
    types: [],
  },
  "bundler, types of Bun": {
    module: "ESNext",
    moduleResolution: "Bundler",
    lib: ["ESNext"],
    ...typesOf("bun"),
    // Those of Bun and of Node, which they bring, do not agree among themselves.
    skipLibCheck: true,
  },
};

/** Type-checks `npm_consumer.ts` against the package, under the module resolution and the types that users have. */
async function checkTypes(version: string, options: Record<string, unknown>): Promise<void> {
  const consumer = await Deno.readTextFile(new URL("npm_consumer.ts", import.meta.url));
  await Deno.writeTextFile(`${app}/consumer.ts`, consumer.replaceAll(`"${config.name}`, `"${packageJson.name}`));
  const strict = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false };
  await tsc(version, [`${app}/consumer.ts`], { target: "ES2022", noEmit: true, ...strict, ...options });
}

/** The bytes of all files of a folder, by path. */
async function contentsOf(folder: string): Promise<string> {
  const { readdirSync, statSync } = await import("node:fs");
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = paths.filter((path) => statSync(`${folder}/${path}`).isFile());
  return files.map((path) => `${path}\0${Deno.readTextFileSync(`${folder}/${path}`)}`).join("\0");
}

/** Fails if a bundler keeps anything of an import that is not used, or if importing the package changes anything. */
async function checkNoSideEffects(): Promise<void> {
  const imports = specifiers.map((specifier, at) => `import * as unused${at} from "${specifier}";`).join("\n");
  await Deno.writeTextFile(`${app}/unused.mjs`, `${imports}\nconsole.log("used");\n`);
  const bundle = [`${tools}/esbuild/bin/esbuild`, "unused.mjs", "--bundle", "--format=esm", "--platform=node"];
  const kept = await outputOf(["node", ...bundle], { cwd: app });
  if (kept.length > 100) throw new Error(`a bundler keeps ${kept.length} bytes of imports that are not used`);
  await Deno.writeTextFile(`${app}/effects.mjs`, observeImport);
  await outputOf(["node", "effects.mjs", ...specifiers], { cwd: app });
}

const observeImport = `
const state = () => JSON.stringify([
  Reflect.ownKeys(globalThis).map(String),
  process.eventNames().map(String),
  // Not what loading modules takes, nor standard streams: Node opens them for whoever imports node:process.
  process.getActiveResourcesInfo().filter((name) => !/^(?:FSReq|CloseReq|PipeWrap|TTYWrap)/.test(name)),
]);
const natives = [globalThis.Request, globalThis.Response, globalThis.fetch, Request.prototype.text];
const before = state();
for (const specifier of process.argv.slice(2)) await import(specifier);
const same = natives.every((it, at) =>
  it === [globalThis.Request, globalThis.Response, globalThis.fetch, Request.prototype.text][at]);
if (!same || state() !== before) throw new Error("importing changes something:\\n" + before + "\\n" + state());
`;

/** How long Node takes to import the package, in milliseconds: the least of some starts. */
async function importTime(command: readonly [string, ...string[]]): Promise<string> {
  const program =
    `const start = performance.now(); await import("${packageJson.name}"); console.log(performance.now() - start)`;
  await Deno.writeTextFile(`${app}/time.mjs`, program);
  const times: number[] = [];
  for (let count = 0; count < 5; count++) times.push(Number(await outputOf([...command, "time.mjs"], { cwd: app })));
  return `${Math.min(...times).toFixed(0)} ms`;
}

/** The size of the JavaScript, all of it and what the main entry point loads. */
async function sizes(packed: readonly string[]): Promise<string> {
  const sizeOf = (paths: readonly string[]): string =>
    `${Math.round(paths.reduce((sum, path) => sum + Deno.statSync(`${installed}/${path}`).size, 0) / 1000)} kB`;
  const graph = JSON.parse(await outputOf([Deno.execPath(), "info", "--json", "mod.ts"], { cwd: root }));
  const main = graph.modules.filter(({ local }: { local?: string }) => local !== undefined)
    .map(({ local }: { local: string }) => `esm/${local.slice(checkout.length).replace(/\.ts$/, ".js")}`);
  return `${sizeOf(packed.filter((path) => path.endsWith(".js")))}, of which "." loads ${sizeOf(main)}`;
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
  // Only who publishes knows them.
  const missing = `package.json has no ${missingFields.join(", ")}: see publisher in scripts/package.mjs`;
  if (missingFields.length > 0) console.log(`note  ${missing}`);
  if (Deno.args.includes("--release")) {
    await check(
      "the publisher's fields are there",
      () => missingFields.length > 0 ? Promise.reject(missing) : Promise.resolve(),
    );
  }
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
  for (const { name, command } of runtimes) {
    const program = `node_modules/.bin/${packageJson.name}`;
    await check(`the command prints its help on ${name}`, async () => {
      const help = await outputOf([...command, program, "--help"], { cwd: app });
      if (!help.includes("webfcgi COMMAND")) throw new Error(help);
    });
  }
  for (const [version, name] of [["typescript", "TypeScript 5.9"], ["typescript7", "TypeScript 7"]] as const) {
    for (const [around, options] of Object.entries(surroundings)) {
      await check(`a program compiles with ${name} (${around})`, () => checkTypes(version, options));
    }
  }
  await check("what is not used is not bundled, and importing changes nothing", checkNoSideEffects);
  await check("two builds are the same bytes", async () => {
    const [one, other] = await Promise.all([build("one"), build("other")]);
    if (await contentsOf(one) !== await contentsOf(other)) throw new Error("they differ");
  });
  for (const { name, command } of runtimes.filter(({ name }) => name.startsWith("node"))) {
    await check(`what distributions run passes on ${name}`, async () => {
      const env = { WEBFCGI_PACKAGE: installed };
      await outputOf([...command, "--test", `${checkout}tests/node_alone.mjs`], { env });
    });
  }
  await check("the manual pages are well-formed", async () => {
    for (const path of manuals) {
      await outputOf(["man", "--warnings", "-l", `${installed}/${path}`], { env: { MANPAGER: "cat" } });
    }
  });
  const current = runtimes.find(({ name }) => name === "node24");
  if (current) await check("Node 24 imports the package", () => importTime(current.command));
  await check("the JavaScript is all there", () => sizes(packed));
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
