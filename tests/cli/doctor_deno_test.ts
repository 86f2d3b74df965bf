// webfcgi doctor before a front whose every fault the test decides, and as a command on each runtime.

import { parseArguments } from "../../src/cli/arguments.ts";
import { DOCTOR } from "../../src/cli/commands.ts";
import { diagnose } from "../../src/cli/doctor.ts";
import { DOCTOR_HEADER } from "../../src/cli/doctor/probe.ts";
import { createClient, type FastCgiRequestInit } from "../../src/client.ts";
import { serve } from "../../mod.ts";
import { freePort } from "../interop/web_server.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { onEach } from "./command.ts";

/** What a front does with a request: asks the application, or answers itself. */
type Front = (request: Request, ask: (init?: FastCgiRequestInit) => Promise<Response>) => Promise<Response>;

/** Calls `use` with the port of a front, which asks an application at an address. */
async function withFront(address: string, front: Front, use: (port: number) => Promise<void>): Promise<void> {
  await using client = createClient(address, { onStderr: () => {} });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const ask = (init: FastCgiRequestInit = {}): Promise<Response> =>
      client.fetch(request, { ...init, params: { SERVER_SOFTWARE: "nginx/1.22.1", ...init.params } });
    return front(request, ask).catch(() => new Response("Bad gateway", { status: 502 }));
  });
  await use(server.addr.port);
}

/** What doctor finds by one check behind a front. */
async function look(check: string, front: Front, ...more: string[]): Promise<string> {
  const address = `127.0.0.1:${freePort()}`;
  let saw = "";
  await withFront(address, front, async (port) => {
    const args = [`http://127.0.0.1:${port}/`, "--listen", address, "--only", check, ...more];
    const { findings } = await diagnose(parseArguments(DOCTOR, args)!);
    const finding = findings.find((finding) => finding.check === check);
    saw = finding === undefined
      ? findings.map(({ check, saw }) => `${check}: ${saw}`).join()
      : `${finding.level}: ${finding.saw}`;
  });
  return saw.replaceAll(/127\.0\.0\.1:\d+/g, "HERE");
}

const plain: Front = (_, ask) => ask();
const pathOf = ({ url }: Request): string => new URL(url).pathname;

const faults: readonly [check: string, front: Front, saw: string | RegExp, ...more: string[]][] = [
  [
    "url",
    (request, ask) => ask({ params: { REQUEST_URI: decodeURI(pathOf(request)) } }),
    /^wrong: .* arrives as /,
  ],
  ["https", (_, ask) => ask({ https: true }), "wrong: the application sees https:, and should see http:"],
  [
    "client-address",
    (_, ask) => ask({ remoteAddr: "10.0.0.1", params: { HTTP_X_FORWARDED_FOR: "192.0.2.7" } }),
    "consider: the client's address is 10.0.0.1, and a proxy says 192.0.2.7",
  ],
  [
    "client-address",
    (_, ask) => ask({ remoteAddr: "192.0.2.7", params: { HTTP_X_FORWARDED_FOR: "192.0.2.7" } }),
    "right: ",
  ],
  [
    "host",
    (_, ask) => ask({ params: { HTTP_HOST: "localhost" } }),
    "wrong: the application sees localhost, and should see HERE",
  ],
  [
    "methods",
    (request, ask) => request.method === "PATCH" ? Promise.resolve(new Response("", { status: 405 })) : ask(),
    "consider: not passed on: PATCH (405)",
  ],
  [
    "error-pages",
    async (_, ask) => {
      const response = await ask();
      return response.status === 503 ? new Response("our own page", { status: 503 }) : response;
    },
    "note: the web server replaces the pages of 503",
  ],
  [
    "broken",
    async (_, ask) => {
      const response = await ask();
      if (response.headers.has("content-length")) return response;
      const { value } = await response.body!.getReader().read();
      return new Response(value, response);
    },
    "note: a response that breaks off looks whole",
  ],
  [
    "chunked-upload",
    (request, ask) => request.method === "GET" || request.headers.has("content-length") ? ask() : ask({ body: "" }),
    "note: an upload without a length: 0 of 80,000 bytes arrive",
  ],
  [
    "path-rules",
    (request, ask) =>
      pathOf(request).startsWith("/admin/") ? Promise.resolve(new Response("", { status: 403 })) : ask(),
    "wrong: /admin/ is denied, but /%61dmin/ reaches the application",
    ...["--deny", "/admin/"],
  ],
  [
    "path-rules",
    (request, ask) =>
      decodeURIComponent(pathOf(request)).replaceAll(/\/+/g, "/").startsWith("/admin")
        ? Promise.resolve(new Response("", { status: 403 }))
        : ask(),
    "right: ",
    ...["--deny", "/admin/"],
  ],
  [
    "subrequest",
    async (_, ask) => {
      await ask();
      return ask();
    },
    "wrong: the check asks for the page itself instead of /auth: whoever the page lets in passes",
    ...["--auth", "/auth"],
  ],
  ["subrequest", plain, "wrong: no check asks for /auth before the page", ...["--auth", "/auth"]],
  [
    "subrequest",
    async (_, ask) => {
      await ask({ params: { REQUEST_URI: "/auth" } });
      return ask();
    },
    "right: ",
    ...["--auth", "/auth"],
  ],
  [
    "events",
    async (_, ask) => new Response(await (await ask()).text(), { headers: { [DOCTOR_HEADER]: "yes" } }),
    /^wrong: events arrive all at once/,
  ],
  ["gone", plain, "right: "],
  ["host", () => Promise.resolve(new Response("Hello")), /^reach: status 200, and not from HERE/],
  [
    "host",
    () => Promise.resolve(new Response("", { status: 502 })),
    /^reach: status 502: the web server cannot reach HERE,socket: /,
  ],
];

for (const [check, front, saw, ...more] of faults) {
  Deno.test(`doctor says of ${check} behind a front: ${saw}`, async () => {
    const seen = await look(check, front, ...more);
    if (typeof saw === "string") assertEquals(seen, saw);
    else assertMatch(seen, saw);
  });
}

Deno.test("doctor says that an address is open to the network", async () => {
  const outer = Deno.networkInterfaces().filter(({ address }) => !/^(?:127\.|::1$|fe80:)/.test(address));
  const address = `0.0.0.0:${freePort()}`;
  await withFront(address.replace("0.0.0.0", "127.0.0.1"), plain, async (port) => {
    const args = [`http://127.0.0.1:${port}/`, "--listen", address, "--only", "exposed"];
    const { findings } = await diagnose(parseArguments(DOCTOR, args)!);
    const [, exposed] = findings;
    assertEquals(exposed!.level, outer.some(({ family }) => family === "IPv4") ? "wrong" : "right");
  });
});

Deno.test("doctor says that a socket is in a folder that services have of their own", async () => {
  const path = `/tmp/webfcgi-doctor-${crypto.randomUUID()}.sock`;
  await withFront("127.0.0.1:1", plain, async (port) => {
    const { findings } = await diagnose(parseArguments(DOCTOR, [`http://127.0.0.1:${port}/`, "--listen", path])!);
    assertEquals(findings.map(({ check, level }) => [check, level]), [["reach", "wrong"], ["socket", "wrong"]]);
    assertStringIncludes(findings[1]!.saw, "is in /tmp");
  });
});

Deno.test("webfcgi doctor looks beside a running application, and tells whoever has no token nothing", () =>
  onEach(async (scene) => {
    scene.file("app.mjs", 'export default (request) => new Response("application " + new URL(request.url).pathname);');
    const address = `127.0.0.1:${freePort()}`;
    const running = await scene.start(["serve", "app.mjs", "-l", address, "--doctor"], { until: /--token \w+\n/ });
    const [, token] = /--token (\w+)/.exec(running.said())!;
    await withFront(address, plain, async (port) => {
      const site = `http://127.0.0.1:${port}/`;
      for (
        const given of [undefined, "", `${"0".repeat(32)} see`, "see", `${token}x see`, token!, `${token} toString`]
      ) {
        const headers = given === undefined ? {} : { [DOCTOR_HEADER]: given };
        assertEquals(await (await fetch(`${site}x`, { headers })).text(), "application /x", given);
      }
      const checks = ["doctor", site, "--token", token!, "--only", "host,url,mount,upload,kept"];
      const { code, stdout, stderr } = await scene.run(checks);
      assertEquals([code, stderr], [0, ""]);
      assertMatch(stdout, /^\? kept cannot be seen from here \(-v tells\)$/m);
      assertMatch(stdout, /^✓ reach url host mount upload\n/m);
      assertMatch(stdout, /\nNothing to mend\.\n$/);
      const { findings } = JSON.parse((await scene.run([...checks, "--json"])).stdout);
      assertEquals(
        findings.map(({ check, level }: Record<string, string>) => `${check} ${level}`).at(-1),
        "kept unseen",
      );
      const wrong = await scene.run(["doctor", site, "--token", "0".repeat(32)]);
      assertEquals(wrong.code, 1);
      assertStringIncludes(wrong.stdout, "the token is over");
      const inUse = await scene.run(["doctor", site, "--listen", address]);
      assertEquals([inUse.code, inUse.stdout], [3, ""]);
      assertStringIncludes(inUse.stderr, "stop it for this moment, or start it with webfcgi serve --doctor");
    });
    const unreachable = await scene.run(["doctor", "http://127.0.0.1:1/", "--token", token!]);
    assertEquals([unreachable.code, unreachable.stdout], [3, ""]);
    running.kill("SIGTERM");
    assert((await running.ended).code === 0);
  }, { runtimes: ["deno", "bun", "node20", "node24"], bundled: true }));

Deno.test("webfcgi doctor says what is wrong with a command line", () =>
  onEach(async (scene) => {
    const cases: [string[], string][] = [
      [[], ""],
      [["localhost"], 'URL is "localhost"; write the application\'s own, as in http://localhost:8080/app/'],
      [["http://h/?q"], "URL is"],
      [["http://h/", "--only", "hosts"], "--only: there is no check hosts; the checks are reach, socket"],
      [["http://h/", "--upload", "2T"], "--upload is"],
      [["http://h/", "--deny", "admin"], '--deny is "admin"; write a path such as /admin/'],
      [["http://h/", "--listen", "here"], "here"],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await scene.run(["doctor", ...args]);
      assertEquals([code, stdout], [2, ""], args.join(" "));
      assertStringIncludes(stderr, message);
      assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
    }
  }, { runtimes: ["deno"] }));

Deno.test("a probe is silent after ten minutes, and for a request that breaks off", async () => {
  const { withDoctor, PROBE_MS } = await import("../../src/cli/doctor/probe.ts");
  const now = performance.now.bind(performance);
  await using server = serve({ port: 0, quiet: true }, withDoctor(() => new Response("application"), "token"));
  await server.ready;
  await using client = createClient({ port: server.addr.port });
  const ask = async (): Promise<string> => {
    const response = await client.fetch("http://a.example/", { headers: { [DOCTOR_HEADER]: "token head 10" } });
    return await response.text();
  };
  assertEquals(await ask(), "ok");
  try {
    performance.now = () => now() + PROBE_MS;
    assertEquals(await ask(), "application");
  } finally {
    performance.now = now;
  }
});
