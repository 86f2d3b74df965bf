import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { onEach } from "./command.ts";

Deno.test("webfcgi status prints what webfcgi serve says of itself, for people, programs and Prometheus", () =>
  onEach(async (scene) => {
    scene.file("app.mjs", "export default () => new Response();");
    const socket = `unix:${scene.folder}/s.sock`;
    const running = await scene.start(["serve", "app.mjs", "-l", socket]);
    await scene.run(["fetch", socket]);
    const json = JSON.parse((await scene.run(["status", socket, "--json"])).stdout);
    const { runtime, uptime, memory, ...rest } = json;
    assertEquals(typeof uptime, "number");
    assertMatch(runtime, /^(?:Deno|Bun|Node) \d/);
    assertEquals(memory > 1_000_000, true);
    assertEquals(rest, {
      version: running.line.split(" ")[1],
      workers: 1,
      connections: 1,
      requestsActive: 0,
      requestsTotal: 1,
      requestsRefused: 0,
      requestsAborted: 0,
      maxConnections: 1024,
      maxRequests: 1024,
      multiplex: true,
    });
    const people = (await scene.run(["status", socket])).stdout;
    assertMatch(people, /^memory\s+[\d.]+ MiB$/m);
    assertMatch(people, /^up for\s+\d+ s$/m);
    const prometheus = (await scene.run(["status", socket, "--prometheus"])).stdout;
    assertStringIncludes(prometheus, `webfcgi_info{version="${json.version}",runtime="${runtime}"} 1\n`);
    assertStringIncludes(prometheus, "# TYPE webfcgi_requests_total counter\nwebfcgi_requests_total 1\n");
    for (const line of prometheus.trimEnd().split("\n")) {
      assertMatch(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{.*\})? \d+)$/);
    }
    running.kill("SIGTERM");
    await running.ended;
    assertEquals((await scene.run(["status", socket])).code, 7);
  }));
