import { assertEquals, assertRejects } from "../std/assert.ts";
import { jsonLine, type LoggedRequest, observe, textLine } from "../../src/cli/request_log.ts";

const now = new Date("2026-01-31T14:03:22.123Z");

function logged(url: string, more: Partial<LoggedRequest> = {}): LoggedRequest {
  return {
    ...{ method: "GET", url, userAgent: "test", client: { hostname: "192.0.2.1", port: 4000 }, status: 200 },
    ...{ bodySize: undefined, reason: undefined, durationMs: 12.3456 },
    ...more,
  };
}

Deno.test("textLine is one line, whatever the client sends", () => {
  const start = "2026-01-31T14:03:22.123Z 192.0.2.1 GET https://example.org";
  assertEquals(textLine(logged("https://example.org/a?b"), now), `${start}/a?b 200 12 ms`);
  assertEquals(
    textLine(logged("https://example.org/", { reason: "TypeError" }), now),
    `${start}/ 200 12 ms TypeError`,
  );
  assertEquals(
    textLine(logged("*", { method: "-", status: 0, reason: "client left" }), now).slice(25),
    "192.0.2.1 - * - 12 ms client left",
  );
  const escape = { hostname: "\x1b[2J\n" };
  assertEquals(textLine(logged("https://example.org/", { client: escape }), now).includes("\n"), false);
});

Deno.test("jsonLine has OpenTelemetry's names, and leaves out what is not known", () => {
  const common = {
    "timestamp": "2026-01-31T14:03:22.123Z",
    "http.request.method": "GET",
    "url.scheme": "https",
    "server.address": "example.org",
    "user_agent.original": "test",
    "http.server.request.duration": 0.012346,
  };
  assertEquals(JSON.parse(jsonLine(logged("https://example.org:444/a?b=c", { bodySize: 5 }), now)), {
    ...common,
    "server.port": 444,
    "url.path": "/a",
    "url.query": "b=c",
    "client.address": "192.0.2.1",
    "client.port": 4000,
    "http.response.status_code": 200,
    "http.response.body.size": 5,
  });
  const failed = logged("https://example.org/", { status: 500, client: {} });
  assertEquals(JSON.parse(jsonLine(failed, now)), {
    ...common,
    "url.path": "/",
    "http.response.status_code": 500,
    "error.type": "500",
  });
  const { "url.scheme": _, "server.address": __, "http.request.method": ___, ...known } = common;
  const refused = logged("/%zz?q", { method: "POST", status: 413, client: {}, reason: "maxBodyBytes" });
  assertEquals(JSON.parse(jsonLine(refused, now)), {
    ...known,
    "http.request.method": "POST",
    "url.path": "/%zz",
    "url.query": "q",
    "http.response.status_code": 413,
    "error.type": "maxBodyBytes",
  });
});

Deno.test("observe tells of each request once, when its response has been sent, is broken, or never was", async () => {
  const seen: unknown[] = [];
  const note = ({ status, reason }: LoggedRequest): void => void seen.push([status, reason]);
  const request = new Request("https://example.org/");
  const handler = observe<{ completed?: Promise<unknown> }>(() => new Response("", { status: 201 }), note);
  let send!: () => void;
  await handler(request, { completed: new Promise<void>((resolve) => send = resolve) });
  assertEquals(seen, []);
  send();
  await Promise.resolve();
  await handler(request, { completed: Promise.reject(new Error("gone")) });
  await handler(request, {});
  const throwing = observe(() => Promise.reject<Response>(new Error("thrown")), note);
  await assertRejects(async () => await throwing(request, {}), Error, "thrown");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(seen.length, 4);
  assertEquals(seen.map(String).sort(), ["201,", "201,", "201,Error", "500,Error"]);
});
