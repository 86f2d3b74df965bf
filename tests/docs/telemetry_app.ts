// What opentelemetry_deno_test.ts runs: a server that is asked once with a `traceparent`, and once refuses.

import { serve } from "@webfcgi/webfcgi";
import { finishSpan, withSpan } from "../../docs/examples/opentelemetry.ts";
import { WebServer } from "../server/web_server.ts";

const fetch = withSpan(async () => {
  await Promise.resolve();
  console.log("within");
  return new Response("hello");
});
const server = serve({ port: 0, quiet: true, onFinish: finishSpan, fetch });
await server.ready;
const [traceparent = ""] = Deno.args;
for (const asked of [{ params: { HTTP_TRACEPARENT: traceparent } }, { method: "CONNECT" }]) {
  const web = await WebServer.connect(server.addr);
  await web.ask({ keepConn: false, uri: "/a", ...asked }).answer();
  await web.close();
}
await server.shutdown();
