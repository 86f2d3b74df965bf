// The programs in docs/examples that stand on `onFinish`.

import type { FinishedRequest } from "@webfcgi/webfcgi";
import { jsonLine, textLine } from "../../docs/examples/access_log.ts";
import { finishSpan, withSpan } from "../../docs/examples/opentelemetry.ts";
import { prometheus } from "../../docs/examples/prometheus.ts";
import { slowLog } from "../../docs/examples/slow_log.ts";
import { inScene, type Scene, type SceneOptions, until } from "../server/scene.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { recordTelemetry } from "./telemetry.ts";

const NOW = new Date("2026-01-31T14:03:22.123Z");

/** What a server tells of some requests. */
async function finishedBy(options: SceneOptions, asks: (scene: Scene) => Promise<unknown>): Promise<FinishedRequest[]> {
  const finished: FinishedRequest[] = [];
  await inScene({ ...options, onFinish: (it) => void finished.push(it) }, async (scene) => void await asks(scene));
  return finished;
}

Deno.test("the access log has a line for each request, which no client can break", async () => {
  const fetch = (): Response => new Response("hello");
  const [sent, refused] = await finishedBy({ fetch, maxBodyBytes: 1 }, async ({ ask }) => {
    await ask({ uri: "/a?b=c", params: { HTTP_USER_AGENT: "test" } });
    await ask({ method: "POST", body: "12", uri: "/\nx" });
  }) as [FinishedRequest, FinishedRequest];
  assertMatch(textLine(sent, NOW), /^2026-01-31T14:03:22\.123Z 192\.0\.2\.7 "GET" "\/a\?b=c" 200 5 bytes \d+\.\d ms$/);
  assertMatch(
    textLine(refused, NOW),
    /^2026-01-31T14:03:22\.123Z 192\.0\.2\.7 "POST" "\/\\nx" 413 22 bytes \d+\.\d ms refused: maxBodyBytes$/,
  );
  const { "http.server.request.duration": seconds, ...rest } = JSON.parse(jsonLine(sent, NOW));
  assert(seconds > 0 && seconds < 10, String(seconds));
  assertEquals(rest, {
    "timestamp": "2026-01-31T14:03:22.123Z",
    "http.request.method": "GET",
    "url.scheme": "http",
    "url.path": "/a",
    "url.query": "b=c",
    "server.address": "example.com",
    "client.address": "192.0.2.7",
    "user_agent.original": "test",
    "http.request.body.size": 0,
    "http.response.body.size": 5,
    "http.response.status_code": 200,
  });
  const { "url.path": path, "error.type": type } = JSON.parse(jsonLine(refused, NOW));
  assertEquals([path, type], ["/\nx", "maxBodyBytes"]);
});

Deno.test("the slow log has a request while it takes too long, and when it ends", async () => {
  const lines: string[] = [];
  const slow = slowLog(20, (line) => lines.push(line));
  const fetch = slow.watch(async ({ url }) => {
    if (url.endsWith("/slow")) await until(() => lines.length > 0, "a line");
    return new Response("hello");
  });
  await inScene({ fetch, onFinish: slow.onFinish }, async ({ ask }) => {
    await ask({ uri: "/slow" });
  });
  assertEquals(lines[0], 'slow: "GET" "/slow" has taken 20 ms so far');
  assertMatch(lines[1]!, /^slow: "GET" "\/slow" took \d+ ms, \d+ ms until its head, sent$/);
  assertEquals(lines.length, 2);
});

Deno.test("Prometheus gets a histogram of requests, refused ones too", async () => {
  const finished = await finishedBy({ fetch: () => new Response("hello") }, async ({ ask }) => {
    await ask();
    await ask();
    await ask({ method: "BREW" });
    await ask({ method: "CONNECT" });
  });
  const zero = { connections: 2, activeRequests: 1, requests: 4, errors: 0, accepted: 5, refused: 1, aborted: 0 };
  const metrics = prometheus(() => ({ ...zero, startTime: performance.now(), peakRequests: 3 }));
  finished.forEach(metrics.onFinish);
  const text = metrics.text();
  for (const line of text.trimEnd().split("\n")) {
    assertMatch(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{(?:\w+="[^"\n]*",?)+\})? [\d.e-]+)$/);
  }
  const name = "http_server_request_duration_seconds";
  const sent = 'status="200",outcome="sent",reason=""';
  assertStringIncludes(text, `${name}_bucket{method="GET",${sent},le="+Inf"} 2\n`);
  assertStringIncludes(text, `${name}_count{method="_OTHER",${sent}} 1\n`);
  assertStringIncludes(text, `${name}_count{method="_OTHER",status="501",outcome="refused",reason="method"} 1\n`);
  assertStringIncludes(text, "# TYPE webfcgi_connections gauge\nwebfcgi_connections 2\n");
});

Deno.test("OpenTelemetry gets a span and a duration for each request, refused ones too", async () => {
  const telemetry = recordTelemetry();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  try {
    const fetch = withSpan(({ url }) => {
      telemetry.noteActive();
      if (url.endsWith("/fail")) throw new RangeError("on purpose");
      return new Response("hello");
    });
    await inScene({ fetch, onFinish: finishSpan, onError: () => {} }, async ({ ask }) => {
      await ask({ params: { HTTP_TRACEPARENT: traceparent }, uri: "/a?b" });
      await ask({ uri: "/fail" });
      await ask({ method: "CONNECT" });
    });
  } finally {
    telemetry.stop();
  }
  const [first, failed, refused] = telemetry.spans;
  assertEquals(telemetry.spans.map(({ name, kind, isError, ended }) => [name, kind, isError, ended]), [
    ["GET", 1, false, true],
    ["GET", 1, true, true],
    ["CONNECT", 1, true, true],
  ]);
  assertEquals(telemetry.active, [first, failed]);
  assertEquals([first!.parent, failed!.parent], [traceparent, undefined]);
  assertEquals(first!.attributes, {
    "url.path": "/a",
    "http.request.method": "GET",
    "url.scheme": "http",
    "http.response.status_code": 200,
  });
  assertEquals([failed!.attributes["error.type"], refused!.attributes["error.type"]], ["RangeError", "method"]);
  assertEquals(telemetry.durations.map(({ attributes }) => attributes["http.response.status_code"]), [200, 500, 501]);
  assert(telemetry.durations.every(({ seconds }) => seconds >= 0 && seconds < 10));
});
