/**
 * Builds the npm package in `npm/` with dnt, as the release does; dnt is on JSR alone.
 *
 * ```sh
 * deno task tools && deno run -A scripts/build_npm.ts && deno task test:package --folder=npm
 * ```
 */

import { compilerOptions, entryPoints, finishPackage, packageJson } from "./package.mjs";

interface Dnt {
  build(options: Record<string, unknown>): Promise<void>;
  emptyDir(path: string): Promise<void>;
}

// Not a literal in import(), so that the gate does without JSR.
const specifier = "jsr:@deno/dnt@^0.43.2";
const { build, emptyDir }: Dnt = await import(specifier);

Deno.chdir(new URL("..", import.meta.url));
await emptyDir("npm");
await build({
  entryPoints,
  outDir: "npm",
  shims: {},
  polyfills: false,
  scriptModule: false,
  declaration: "inline",
  skipSourceOutput: true,
  typeCheck: "single",
  test: false,
  compilerOptions,
  package: packageJson,
  postBuild: (): Promise<void> => finishPackage("npm"),
});
