// The demo's page in a real browser: by itself, behind nginx, and behind Apache under a path.

import { type BrowserContextOptions, chromium, type Page } from "npm:playwright-core@1.64.1";
import { webServerConfig, type WebServerName } from "../../src/config.ts";
import { Buffer } from "node:buffer";
import { findProgram, isLeftOut } from "../helpers/programs.ts";
import { until } from "../helpers/waiting.ts";
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { freePort } from "./web_server.ts";

const program = findProgram("chromium");
const ignore = isLeftOut("the demo in a browser", program === undefined ? "chromium" : undefined);

/** A demo, and what it has printed. */
async function startDemo(...args: string[]): Promise<AsyncDisposable & { readonly printed: string }> {
  const options = ["run", "-A", "--unstable-no-legacy-abort", "--quiet", "scripts/demo.ts", ...args];
  const process = new Deno.Command(Deno.execPath(), { args: options, stdin: "null", stdout: "piped" }).spawn();
  let printed = "";
  const read = (async () => {
    for await (const piece of process.stdout.pipeThrough(new TextDecoderStream())) printed += piece;
  })();
  await until(() => printed.includes("Ctrl-C"), "the demo");
  return {
    printed,
    async [Symbol.asyncDispose](): Promise<void> {
      process.kill("SIGTERM");
      await process.status;
      await read;
    },
  };
}

/** Opens a page; fails if anything in it does, or it asks another host. */
async function withPage(
  url: string,
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const flags =
    "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update " +
    "disable-sync";
  const args = flags.split(" ").map((flag) => `--${flag}`);
  const browser = await chromium.launch({ executablePath: program!, args });
  const faults: string[] = [];
  try {
    const page = await browser.newPage(options);
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("request", (request) => {
      const origin = new URL(request.url()).origin;
      if (origin !== new URL(url).origin && origin !== "null") faults.push(request.url());
    });
    await page.goto(url);
    await use(page);
  } finally {
    await browser.close();
  }
  assertEquals(faults, []);
}

/** The records in a timeline, in their order. */
async function records(page: Page, place: string): Promise<string[]> {
  await page.locator(`${place} table`).waitFor();
  return await page.locator(`${place} .record span:first-child`).allTextContents();
}

async function checkRecords(page: Page, software: RegExp): Promise<void> {
  const seen = await records(page, "[data-timeline]");
  assertMatch(seen.join(), /^BEGIN_REQUEST,PARAMS × 2,STDIN,STDOUT(?: × \d)?,END_REQUEST/);
  assertStringIncludes(await page.locator("[data-timeline] pre").innerText(), "Status: 200");
  assertMatch(await page.locator(".way").innerText(), software);
  const connection = page.locator("details", { hasText: "The connection" });
  await connection.locator("summary").click();
  assertStringIncludes(await connection.innerText(), "REMOTE_ADDR");
  assertStringIncludes(await page.locator("details", { hasText: "The request line" }).innerText(), "GET");
}

async function checkUpload(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Send 800 KB" }).click();
  assertMatch((await records(page, "#upload-records")).join(), /^BEGIN_REQUEST,PARAMS × 2,STDIN × \d+,STDOUT/);
  assertMatch(await page.locator("#upload-result").innerText(), /^The handler read 800,000 bytes in \d+ pieces\.$/);
  assertEquals(await page.getByRole("progressbar", { name: "How much has been sent" }).getAttribute("value"), "1");
  await page.locator("#file").setInputFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("abc") });
  await page.getByText("The handler read 3 bytes in 1 piece.").waitFor();
}

async function checkEvents(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Listen to six events" }).click();
  const result = page.locator("#events-result");
  await page.getByText("event 1 of 6").waitFor();
  assert(!(await result.innerText()).includes("event 6"), "all events have come at once");
  assertMatch((await records(page, "#events-records")).join(), /STDOUT × 7,END_REQUEST/);
  assertEquals((await result.innerText()).trim().split("\n").length, 6);
}

async function checkAbort(page: Page, isHeard: boolean): Promise<void> {
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByText("The handler waits.").waitFor();
  // Time for the request to arrive.
  await page.waitForTimeout(300);
  await page.getByRole("button", { name: "Abort" }).click();
  const seen = isHeard ? /After \d+ ms request\.signal fired/ : /has not heard of it yet/;
  await page.getByText(seen).waitFor();
  if (isHeard) assertMatch((await records(page, "#abort-records")).at(-1)!, /^(?:ABORT_REQUEST|the end)$/);
}

Deno.test({
  name: "the demo explains itself in a browser, by keyboard, on a phone and in the dark",
  ignore,
  fn: async () => {
    await using demo = await startDemo();
    const [url = ""] = /http:\S+/.exec(demo.printed) ?? [];
    let light = "";
    await withPage(url, {}, async (page) => {
      await checkRecords(page, /webfcgi demo/);
      await checkUpload(page);
      await checkEvents(page);
      await checkAbort(page, true);
      await page.getByRole("link", { name: "another path" }).click();
      await page.waitForURL(/\/any\/path\?with=query$/);
      assertStringIncludes(await page.locator("details[open]").innerText(), "with=query");
      light = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    });
    await withPage(url, { colorScheme: "dark", viewport: { width: 360, height: 740 } }, async (page) => {
      assertNotEquals(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"), light);
      // By keyboard alone.
      for (let turn = 0; turn < 60; turn++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate("document.activeElement.id === 'upload'")) break;
      }
      await page.keyboard.press("Enter");
      await records(page, "#upload-records");
      const tables = await page.getByRole("table", { name: /^Records between/ }).count();
      assertEquals(tables, 2);
      for (const summary of await page.locator("summary").all()) await summary.click();
      const [width, inner] = await page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
      assertEquals(width, inner, "it scrolls sideways");
    });
  },
});

for (
  const [server, mount, software, isHeard] of [
    ["nginx", "", /nginx\/\d/, true],
    ["apache", "/app", /Apache\/\d/, false],
  ] as const satisfies readonly (readonly [WebServerName, string, RegExp, boolean])[]
) {
  Deno.test({
    name: `the demo explains itself behind ${server}`,
    ignore: ignore || isMissing(server),
    fn: async () => {
      const address = `127.0.0.1:${freePort()}`;
      const port = freePort();
      const config = webServerConfig(server, { listen: address, mount, host: `localhost:${port}` });
      await using _web = await startOnDebian(server, { ...config, port });
      // Ends first: Apache waits for what it has asked.
      await using _demo = await startDemo(address);
      await withPage(`http://localhost:${port}${mount}/`, {}, async (page) => {
        await checkRecords(page, software);
        await checkUpload(page);
        await checkEvents(page);
        await checkAbort(page, isHeard);
      });
    },
  });
}
