// The example for OpenTelemetry with the providers that Deno registers by itself.

import { assertEquals } from "../std/assert.ts";
import { outputOf } from "../helpers/output_of.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

/** The objects with a member of a name, wherever they are. */
// deno-lint-ignore no-explicit-any
function find(name: string, within: any): any[] {
  if (typeof within !== "object" || within === null) return [];
  const deeper = Object.values(within).flatMap((it) => find(name, it));
  return name in within ? [within, ...deeper] : deeper;
}

Deno.test("the example for OpenTelemetry works with what OTEL_DENO registers", async () => {
  const sent: Record<string, unknown[]> = {};
  await using collector = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    (sent[new URL(request.url).pathname] ??= []).push(await request.json());
    return Response.json({});
  });
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const app = new URL("telemetry_app.ts", import.meta.url).pathname;
  await outputOf([Deno.execPath(), "run", "-A", "--quiet", "--config", config, app, `00-${TRACE}-${PARENT}-01`], {
    env: {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "capture",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
    },
    timeoutMs: 60_000,
  });
  const [first, refused] = find("spanId", sent["/v1/traces"]).filter(({ kind }) => kind === 2);
  assertEquals([first.name, first.traceId, first.parentSpanId], ["GET", TRACE, PARENT]);
  assertEquals([refused.name, refused.parentSpanId], ["CONNECT", ""]);
  // What the handler logs belongs to its span, across an await.
  assertEquals(find("spanId", sent["/v1/logs"]).map(({ spanId }) => spanId), [first.spanId]);
  const [duration] = find("name", sent["/v1/metrics"]).filter(({ name }) => name === "http.server.request.duration");
  assertEquals([duration.unit, duration.histogram.dataPoints.length], ["s", 2]);
});
