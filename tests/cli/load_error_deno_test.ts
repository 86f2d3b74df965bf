import { assertEquals } from "../std/assert.ts";
import { loadErrorText } from "../../src/cli/load_error.ts";

const here = (path: string): string => new URL(`../../src/${path}`, import.meta.url).href;

Deno.test("loadErrorText names the application's line, not one of this package's", () => {
  const error = new TypeError("Cannot serve");
  error.stack = `TypeError: Cannot serve\n    at serve (${here("serve.ts")}:68:11)\n    at file:///srv/app/app.mjs:3:1`;
  assertEquals(loadErrorText(error), "TypeError: Cannot serve, at /srv/app/app.mjs:3:1");
});

Deno.test("loadErrorText names no place when only this package's modules are in the stack", () => {
  const error = new TypeError("SyntaxError: Expected ','");
  error.stack = `${error}\n    at async loadApplication (${here("cli/entry.ts")}:56:14)\n    at async ${
    here("cli/serve.ts")
  }:80:44`;
  assertEquals(loadErrorText(error), "SyntaxError: Expected ','");
});
