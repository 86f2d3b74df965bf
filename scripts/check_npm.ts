/**
 * Checks the npm package without JSR: lays it out from the sources with TypeScript, packs it, installs the tarball in
 * an empty project and uses it there. Given a folder (`npm`, made by `build_npm.ts`) it packs that instead.
 *
 * ```sh
 * deno run -A scripts/check_npm.ts [folder]
 * ```
 */

import { existsSync } from "node:fs";
import config from "../deno.json" with { type: "json" };
import { findRuntimes, type InstalledRuntime } from "../tests/runtimes.ts";
import { bundleTests } from "./bundle_tests.ts";
import { compilerOptions, documents, entryPoints, finishPackage, nodeTypes, packageJson } from "./package.ts";

const root = decodeURIComponent(new URL("..", import.meta.url).pathname);
const specifiers = entryPoints.map(({ name }) => packageJson.name + name.slice(1));

/** Where the check works: nothing of it is left when it is done. */
interface Place {
  /** The folder that holds the others, and the tarball. */
  readonly temp: string;
  /** A project with TypeScript and the types of Node. */
  readonly tools: string;
  /** A project with nothing but the package. */
  readonly app: string;
  /** The package in that project. */
  readonly installed: string;
}

/** Runs one check, which fails by throwing, and prints its line, with what the check has to say of itself. */
type Check = (name: string, body: () => Promise<string | undefined | void>) => Promise<boolean>;

/** Runs a program to its end and returns what it wrote to standard output. */
async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    stdin: "null",
    signal: AbortSignal.timeout(300_000),
  }).output();
  const [out, err] = [new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)];
  if (!success) throw new Error(`${[command, ...args].join(" ")} failed:\n${out}${err}`);
  return out;
}

/** Makes an npm project of what its package.json says. */
async function makeProject(folder: string, fields: Record<string, unknown>): Promise<void> {
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(fields, null, 2));
}

async function npmInstall(folder: string, ...args: string[]): Promise<void> {
  await run(
    folder,
    "npm",
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--loglevel=error",
    ...args,
  );
}

/** Runs TypeScript on files, with the types of Node. */
async function tsc({ tools }: Place, files: string[], options: Record<string, unknown>): Promise<void> {
  const types = { types: ["node"], typeRoots: [`${tools}/node_modules/@types`] };
  const path = `${tools}/tsconfig.json`;
  await Deno.writeTextFile(path, JSON.stringify({ compilerOptions: { strict: true, ...types, ...options }, files }));
  await run(tools, `${tools}/node_modules/.bin/tsc`, "--project", path);
}

/** Makes the package that dnt would make, with nothing but TypeScript, and returns its folder. */
async function layOut(place: Place): Promise<string> {
  const folder = `${place.temp}/package`;
  await makeProject(folder, packageJson);
  await tsc(place, entryPoints.map(({ path }) => root + path), {
    ...compilerOptions,
    module: "ESNext",
    moduleResolution: "Bundler",
    rootDir: root,
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
    const graph = JSON.parse(await run(root, Deno.execPath(), "info", "--json", "--no-lock", path));
    for (const { local } of graph.modules) {
      if (local === undefined) continue;
      const module = local.slice(root.length).replace(/\.ts$/, "");
      files.add(`esm/${module}.js`).add(`esm/${module}.d.ts`);
    }
  }
  return [...files];
}

/** Installs the package, and nothing else, in an empty project and returns the paths of its files. */
async function install(place: Place): Promise<string[]> {
  const typescript = config.imports.typescript.replace("npm:typescript@", "");
  await makeProject(place.tools, { dependencies: { typescript, "@types/node": nodeTypes } });
  await npmInstall(place.tools);
  const folder = Deno.args[0] === undefined ? await layOut(place) : await Deno.realPath(Deno.args[0]);
  const pack = await run(folder, "npm", "pack", "--json", "--ignore-scripts", `--pack-destination=${place.temp}`);
  const [{ filename, files }] = JSON.parse(pack);
  await makeProject(place.app, { type: "module", private: true });
  await npmInstall(place.app, "--offline", `${place.temp}/${filename}`);
  return files.map(({ path }: { path: string }) => path);
}

function assertSameNames(actual: string[], expected: string[]): void {
  const missing = expected.filter((name) => !actual.includes(name));
  const extra = actual.filter((name) => !expected.includes(name));
  if (missing.length + extra.length > 0) throw new Error(`missing: ${missing.join(" ")}; extra: ${extra.join(" ")}`);
}

async function checkFiles(check: Check, place: Place, packed: string[]): Promise<void> {
  await check("the package holds its modules, their types and its documents, nothing else", async () => {
    assertSameNames(packed, await expectedFiles());
  });
  await check("no packed file names this machine, a source map or the library's name on JSR", async () => {
    const words = [root, place.temp, "file://", "sourceMappingURL", `"${config.name}`];
    for (const file of packed) {
      const text = await Deno.readTextFile(`${place.installed}/${file}`);
      const found = words.find((word) => text.includes(word));
      if (found !== undefined) throw new Error(`${file} contains ${found}`);
    }
  });
  await check("package.json names only files that the package holds", async () => {
    const text = await Deno.readTextFile(`${place.installed}/package.json`);
    const named = [...text.matchAll(/"\.\/([^"]+\.[a-z]+)"/g)].map((match) => match[1]!);
    if (named.length < 2 * entryPoints.length) throw new Error(`it names ${named.length} files`);
    assertSameNames(packed.filter((file) => named.includes(file)), [...new Set(named)]);
  });
  await check("the package brings no other package with it", async () => {
    const folders = await Array.fromAsync(Deno.readDir(`${place.app}/node_modules`), ({ name }) => name);
    assertSameNames(folders.filter((name) => !name.startsWith(".")), [packageJson.name]);
  });
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

async function checkNames(check: Check, { app }: Place, runtimes: InstalledRuntime[]): Promise<void> {
  await Deno.writeTextFile(`${app}/names.mjs`, printNames);
  for (const { name, command } of runtimes) {
    await check(`import and require() give the sources' names on ${name}`, async () => {
      const names = JSON.parse(await run(app, ...command, "names.mjs", ...specifiers));
      for (const [i, { path }] of entryPoints.entries()) {
        assertSameNames(names[specifiers[i]!], Object.keys(await import(root + path)));
      }
    });
  }
}

async function checkTypes(check: Check, place: Place): Promise<void> {
  const consumer = await Deno.readTextFile(new URL("npm_consumer.ts", import.meta.url));
  const programs = {
    "consumer.ts": consumer.replaceAll(`"${config.name}`, `"${packageJson.name}`),
    "imports.ts": specifiers.map((specifier, i) => `export * as entry${i} from "${specifier}";\n`).join(""),
    "requires.cts": specifiers.map((specifier, i) => `export import entry${i} = require("${specifier}");\n`).join(""),
  };
  for (const [name, text] of Object.entries(programs)) await Deno.writeTextFile(`${place.app}/${name}`, text);
  const [consumerTs, importsTs, requiresCts] = Object.keys(programs).map((name) => `${place.app}/${name}`);
  const options = {
    target: "ES2022",
    noEmit: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
  };
  const { lib } = compilerOptions;
  const bundler = { module: "ESNext", moduleResolution: "Bundler", lib };
  await check("a program type-checks against the package (NodeNext, types of Node)", async () => {
    await tsc(place, [consumerTs!, importsTs!, requiresCts!], { ...options, module: "NodeNext", lib: ["ES2022"] });
  });
  await check("a program type-checks against the package (Bundler, types of Node and DOM)", async () => {
    await tsc(place, [consumerTs!, importsTs!], { ...options, ...bundler });
  });
  await check("a program type-checks against the package (Bundler, types of DOM)", async () => {
    await tsc(place, [consumerTs!, importsTs!], { ...options, ...bundler, types: [] });
  });
}

async function checkBehaviour(check: Check, place: Place, runtimes: InstalledRuntime[]): Promise<void> {
  let bundle = "";
  const bundled = await check("the tests take the library's modules from the package", async () => {
    bundle = await bundleTests(`${place.installed}/esm`);
    // A module that no entry point reaches has tests but is not in the package.
    const sources = (await Deno.readTextFile(bundle)).matchAll(/^\/\/ ((?:mod|src\/.*)\.)ts$/gm);
    const own = [...sources].map(([, path]) => path!).filter((path) => existsSync(`${place.installed}/esm/${path}js`));
    if (own.length > 0) throw new Error(`taken from the sources: ${own.join(" ")}`);
  });
  try {
    // On one, the oldest, because all have passed them with the sources, of which these are the JavaScript.
    for (const { name, command } of bundled ? runtimes.filter(({ name }) => name.startsWith("node")).slice(0, 1) : []) {
      await check(`the package passes the tests on ${name}`, async () => {
        return (await run(root, ...command, bundle)).trim().split("\n").at(-1);
      });
    }
  } finally {
    if (bundle !== "") await Deno.remove(bundle.replace(/[^/]*$/, ""), { recursive: true });
  }
}

async function main(temp: string): Promise<boolean> {
  let passed = 0;
  let failed = 0;
  const check: Check = async (name, body) => {
    try {
      const detail = await body();
      passed++;
      console.log(`ok    ${name}${detail ? ` (${detail})` : ""}`);
      return true;
    } catch (error) {
      failed++;
      console.log(`FAIL  ${name}\n${error instanceof Error ? error.message : error}`);
      return false;
    }
  };

  const app = `${temp}/app`;
  const place = { temp, tools: `${temp}/tools`, app, installed: `${app}/node_modules/${packageJson.name}` };
  let packed: string[] = [];
  const installed = await check("the package is laid out, packed and installed", async () => {
    packed = await install(place);
  });
  if (installed) {
    const runtimes = await findRuntimes();
    await checkFiles(check, place, packed);
    await checkNames(check, place, runtimes);
    await checkTypes(check, place);
    await checkBehaviour(check, place, runtimes);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

const temp = await Deno.makeTempDir({ prefix: "webfcgi_npm_" });
try {
  if (!await main(temp)) Deno.exitCode = 1;
} finally {
  await Deno.remove(temp, { recursive: true });
}
