// What a server says of itself over FCGI_GET_VALUES, which no visitor of a site can send.

import config from "../../deno.json" with { type: "json" };
import { VERSION } from "../../src/version.ts";
import { assert, assertEquals, assertMatch } from "../std/assert.ts";
import { type Scene, serveTest } from "./scene.ts";

async function ask({ connect }: Scene, names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const web = await connect();
  web.protocol.getValues(names);
  web.flush();
  await web.until(() => web.values !== undefined, "the values");
  await web.close();
  return Object.fromEntries(web.values!.flatMap((it, at) => at % 2 === 0 ? [[it, web.values![at + 1]!]] : []));
}

Deno.test("the version is that of the package", () => assertEquals(VERSION, config.version));

serveTest(
  "a server answers FCGI_GET_VALUES with what it has done",
  { fetch: () => new Response("hello") },
  async (scene) => {
    await scene.ask();
    await scene.ask({ method: "CONNECT" });
    const names = ["VERSION", "RUNTIME", "UPTIME", "CONNECTIONS", "REQUESTS_ACTIVE", "REQUESTS_TOTAL"];
    const more = ["REQUESTS_REFUSED", "REQUESTS_ABORTED", "MEMORY", "WORKERS"];
    const values = await ask(scene, [...names, ...more].map((name) => `WEBFCGI_${name}`));
    const { WEBFCGI_RUNTIME: runtime, WEBFCGI_MEMORY: memory, WEBFCGI_UPTIME: uptime, ...rest } = values;
    assertEquals(rest, {
      WEBFCGI_VERSION: VERSION,
      WEBFCGI_CONNECTIONS: "1",
      WEBFCGI_REQUESTS_ACTIVE: "0",
      WEBFCGI_REQUESTS_TOTAL: "2",
      WEBFCGI_REQUESTS_REFUSED: "1",
      WEBFCGI_REQUESTS_ABORTED: "0",
      WEBFCGI_WORKERS: "1",
    });
    assertMatch(runtime!, /^(Deno|Bun|Node) \d+\.\d+\.\d+/);
    assertMatch(uptime!, /^\d+$/);
    assert(Number(memory) > 1_000_000, memory);
  },
);

serveTest(
  "a server answers FCGI_GET_VALUES with no more than it is asked",
  { fetch: () => new Response("hello") },
  async (scene) => {
    assertEquals(await ask(scene, ["FCGI_MAX_REQS", "WEBFCGI_WORKERS", "WEBFCGI_SECRET", "PATH"]), {
      FCGI_MAX_REQS: "1024",
      WEBFCGI_WORKERS: "1",
    });
  },
);
