import { assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { until } from "../helpers/waiting.ts";
import { onEach } from "./command.ts";

const APP = `const seen = [];
export default {
  async fetch(request, info) {
    const { pathname } = new URL(request.url);
    if (pathname === "/seen") return new Response(seen.join(" "));
    if (pathname === "/echo") return new Response(request.body);
    if (pathname === "/hang") {
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      seen.push("aborted");
    }
    if (pathname === "/events") {
      return new Response(new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
        cancel: () => void seen.push("cancelled"),
      }));
    }
    return new Response([pathname, info.params.get("HTTPS") ?? "http", info.remoteAddr.hostname].join(" "), {
      headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]],
    });
  },
};`;

Deno.test("webfcgi bridge shows an application, and a site's files, over HTTP", () =>
  onEach(async (scene) => {
    scene.file("app.mjs", APP);
    Deno.mkdirSync(`${scene.folder}/site`);
    scene.file("site/file.txt", "a file");
    const socket = `unix:${scene.folder}/s.sock`;
    const application = await scene.start(["serve", "app.mjs", "-l", socket]);
    const bridge = await scene.start(
      ["bridge", socket, "--port", "0", "--root", "site", "--front-controller=app", "--access-log"],
    );
    const [, url = ""] = /bridges (http:\/\/localhost:\d+)\//.exec(bridge.line) ?? [];
    const text = async (path: string, init?: RequestInit) => await (await fetch(url + path, init)).text();

    assertEquals(await text("/file.txt"), "a file");
    const response = await fetch(`${url}/other`);
    assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
    assertEquals(await response.text(), "/other http 127.0.0.1");
    const body = "x".repeat(3_000_000);
    assertEquals((await text("/echo", { method: "POST", body })).length, body.length);
    assertEquals((await fetch(`${url}/other`, { method: "HEAD" })).body, null);

    // Who leaves is noticed, before the head and after it.
    const leaving = new AbortController();
    const hanging = fetch(`${url}/hang`, { signal: leaving.signal }).catch(() => {});
    await until(async () => (await scene.run(["status", socket])).code === 0, "an answer");
    leaving.abort();
    await hanging;
    await until(
      async () => (await text("/seen")).includes("aborted"),
      "the application to see that the client has left",
    );
    const events = (await fetch(`${url}/events`)).body!.getReader();
    assertEquals(new TextDecoder().decode((await events.read()).value), "first");
    await events.cancel();
    await until(async () => (await text("/seen")).includes("cancelled"), "the body to be cancelled");

    bridge.kill("SIGTERM");
    const { code, stdout, stderr } = await bridge.ended;
    assertEquals([code, stderr], [0, bridge.line]);
    assertMatch(stdout, /^\S+Z 127\.0\.0\.1 GET http:\/\/localhost:\d+\/file\.txt 200 [\d.]+ ms$/m);
    application.kill("SIGTERM");
    assertEquals((await application.ended).code, 0);
  }));

Deno.test("webfcgi bridge --https-proxy takes clients to come by TLS", () =>
  onEach(async (scene) => {
    scene.file("app.mjs", APP);
    const socket = `unix:${scene.folder}/s.sock`;
    const application = await scene.start(["serve", "app.mjs", "-l", socket]);
    const bridge = await scene.start(["bridge", socket, "-p", "0", "--https-proxy"]);
    const [, port = ""] = /:(\d+)\//.exec(bridge.line) ?? [];
    assertEquals(await (await fetch(`http://127.0.0.1:${port}/a`)).text(), "/a on 127.0.0.1");
    const second = await scene.run(["bridge", socket, "-p", port]);
    assertEquals([second.code, second.stdout], [3, ""]);
    assertStringIncludes(second.stderr, `Cannot listen on 127.0.0.1:${port}: another process listens there`);
    for (const { kill, ended } of [bridge, application]) {
      kill("SIGINT");
      assertEquals((await ended).code, 0);
    }
  }));
