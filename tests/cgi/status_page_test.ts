import { assertEquals } from "../std/assert.ts";
import { statusPage } from "../../src/cgi/status_page.ts";

Deno.test("statusPage says the status, and with 503 when to try again", () => {
  const type = ["content-type", "text/plain;charset=UTF-8"];
  const page = { status: 404, statusText: "Not Found", headers: [type] as [string, string][], body: "404 Not Found\n" };
  assertEquals(statusPage(404), page);
  assertEquals(new Response(page.body, page).status, 404);
  assertEquals(statusPage(503).headers, [type, ["retry-after", "1"]] as [string, string][]);
});
