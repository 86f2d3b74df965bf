// webfcgi doctor before real web servers: silent about what `webfcgi config` prints, and able to mend what is broken.

import { parseArguments } from "../../src/cli/arguments.ts";
import { DOCTOR } from "../../src/cli/commands.ts";
import { CHECKS, diagnose } from "../../src/cli/doctor.ts";
import type { Report } from "../../src/cli/doctor/report.ts";
import {
  type ConfigFile,
  mendingLines,
  type Need,
  needs,
  type WebServerConfigOptions,
  type WebServerName,
  webServers,
} from "../../src/config.ts";
import { readSite } from "../../src/config/site.ts";
import { writeNeeds } from "../../src/config/web_servers.ts";
import { bundle } from "../helpers/bundle.ts";
import { findProgram, isLeftOut } from "../helpers/programs.ts";
import { outputOf } from "../helpers/output_of.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { applied } from "./applied_lines.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { childrenOf } from "./processes.ts";
import { withFolder } from "./program.ts";
import { freePort } from "./web_server.ts";

const missing: Readonly<Record<string, boolean>> = Object.fromEntries(
  webServers.map((server) => [server, isMissing(server)]),
);
const modules: Readonly<Record<string, readonly string[]>> = {
  apache: ["proxy_fcgi", "remoteip"],
  fcgid: ["fcgid", "remoteip"],
};
const token = "0123456789abcdef0123456789abcdef";

/** Made once for each web server, and where they are what is broken: they take a second each. */
const takeTime = ["events", "stream", "gone"];

/** Where an application is, and what is in front of it. */
interface Place {
  readonly server: WebServerName;
  readonly options: WebServerConfigOptions;
  /** Where doctor listens; nothing with mod_fcgid, which starts the probe. */
  readonly listen: string | undefined;
  readonly folder: string;
}

/** Everything that makes a web server right, as far as it can be. */
function everything(server: WebServerName): Need[] {
  const unwanted: Need[] = ["https", "client-address", "slow", "subrequest", "stream"];
  return needs.filter((need) => !unwanted.includes(need) && mendingLines(server, need).cannot === undefined);
}

async function withPlace(server: WebServerName, mount: string, use: (place: Place) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/static`);
    await Deno.writeTextFile(`${folder}/static/hello.txt`, "hello from a file\n");
    await Deno.writeTextFile(`${folder}/secret.txt`, "secret\n");
    const listen = server === "fcgid" ? undefined : `127.0.0.1:${freePort()}`;
    if (listen === undefined) await writeScript(folder);
    const cannotServeFiles = mendingLines(server, "static").cannot !== undefined;
    const options: WebServerConfigOptions = {
      mount,
      upload: "3M",
      header: "15k",
      ...listen === undefined ? { command: `${folder}/dispatch.fcgi` } : { listen },
      ...cannotServeFiles ? {} : { static: [{ url: "/static/", folder: `${folder}/static` }] },
    };
    await use({ server, options, listen, folder });
  });
  assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
}

async function writeScript(folder: string): Promise<void> {
  await bundle(new URL("doctor_probe_process.ts", import.meta.url), `${folder}/probe.mjs`);
  const node = findProgram("node") ?? "node";
  await Deno.writeTextFile(`${folder}/dispatch.fcgi`, `#!/bin/sh\nexec '${node}' '${folder}/probe.mjs' ${token}\n`);
  await Deno.chmod(`${folder}/dispatch.fcgi`, 0o755);
}

/** Runs doctor once with a configuration. */
async function examine(place: Place, files: readonly ConfigFile[], more: readonly string[] = []): Promise<Report> {
  const { server, options, listen } = place;
  const port = freePort();
  await using web = await startOnDebian(server, {
    files: files.map((file) => ({ ...file, text: `${file.text}\n` })),
    modules: modules[server] ?? [],
    port,
  });
  const [folder] = options.static ?? [];
  const args = [
    `http://localhost:${port}${options.mount}/`,
    ...listen === undefined ? ["--token", token] : ["--listen", listen],
    ...folder === undefined ? [] : ["--static", `${folder.url}=${folder.folder}`],
    ...["--upload", "3M"],
    ...more,
  ];
  try {
    return await diagnose(parseArguments(DOCTOR, args)!);
  } catch (error) {
    throw new Error(`${String(error)}\n${await web.errorLog()}`, { cause: error });
  }
}

/** What is to be mended or considered. */
function complaints({ findings }: Report): string[] {
  return findings.filter(({ level }) => level === "wrong" || level === "consider").map(({ check, saw }) =>
    `${check}: ${saw}`
  );
}

for (const server of webServers) {
  for (const mount of ["", "/app"]) {
    Deno.test({
      name: `doctor is silent about what webfcgi config prints for ${server} ${
        mount === "" ? "at the root" : "under a path"
      }`,
      ignore: missing[server] ?? true,
      fn: () =>
        withPlace(server, mount, async (place) => {
          const files = writeNeeds(server, everything(server), readSite(place.options));
          const more = server === "h2o" && mount !== "" ? ["--mount", mount] : [];
          const fast = ["--only", Object.keys(CHECKS).filter((name) => !takeTime.includes(name)).join(",")];
          const report = await examine(place, files, [...more, ...mount === "" ? fast : []]);
          assertEquals(complaints(report), []);
          assert(report.software !== "");
        }),
    });
  }
}

/** A configuration without what one need takes, or broken otherwise. */
interface Broken {
  readonly server: WebServerName;
  /** The check that names it. */
  readonly check: string;
  readonly mount?: string;
  readonly without?: readonly Need[];
  readonly change?: (text: string) => string;
  readonly more?: readonly string[];
}

const brokenOnes: readonly Broken[] = [
  { server: "nginx", check: "host", without: ["host"] },
  { server: "nginx", check: "mount", without: ["mount"] },
  { server: "nginx", check: "upload", without: ["upload"] },
  { server: "nginx", check: "response-head", without: ["response-head"] },
  { server: "nginx", check: "kept", without: ["kept"] },
  { server: "nginx", check: "static", mount: "", without: ["static"] },
  { server: "apache", check: "mount", without: ["mount"] },
  { server: "apache", check: "authorization", without: ["authorization"] },
  { server: "apache", check: "encoded-slash", without: ["encoded-slash"] },
  { server: "apache", check: "events", without: ["events"] },
  { server: "apache", check: "kept", without: ["kept"] },
  { server: "apache", check: "static", mount: "", without: ["static"] },
  { server: "fcgid", check: "authorization", without: ["authorization"] },
  { server: "fcgid", check: "upload", without: ["upload"] },
  { server: "fcgid", check: "events", without: ["events"] },
  { server: "fcgid", check: "encoded-slash", without: ["encoded-slash"] },
  { server: "lighttpd", check: "events", without: ["events"] },
  {
    server: "lighttpd",
    check: "upload",
    without: ["upload"],
    change: (text) => `server.max-request-size = 1024\n${text}`,
  },
  { server: "lighttpd", check: "static", mount: "", without: ["static"] },
  { server: "caddy", check: "mount", without: ["mount"] },
  { server: "caddy", check: "static", mount: "", without: ["static"] },
  { server: "haproxy", check: "authorization", without: ["authorization"] },
  { server: "haproxy", check: "mount", without: ["mount"] },
  { server: "haproxy", check: "kept", without: ["kept"] },
  { server: "h2o", check: "static", mount: "", without: ["static"] },
  // A location without its last slash.
  { server: "nginx", check: "prefix", change: (text) => text.replace("location /app/", "location /app") },
  // An alias that leads out of its folder.
  { server: "nginx", check: "static", change: (text) => text.replace("location /static/ {", "location /static {") },
  // The application listens elsewhere.
  { server: "nginx", check: "reach", change: (text) => text.replace(/server 127\.0\.0\.1:\d+/, "server 127.0.0.1:1") },
  {
    server: "nginx",
    check: "slow",
    change: (text) => text.replace(/^ *include .*$/m, "$&\nfastcgi_read_timeout 1s;"),
    more: ["--slow", "2s"],
  },
  { server: "nginx", check: "request-head", change: (text) => text.replace(/4 15k/, "1 4k") },
  // Debian's guides for PHP.
  { server: "lighttpd", check: "mount", mount: "", change: (text) => text.replace(/,\s*"fix-root-scriptname".*/, "") },
  { server: "lighttpd", check: "prefix", change: (text) => text.replace("(/|$)", "") },
  { server: "caddy", check: "prefix", change: (text) => text.replace("@app path /app /app/*", "@app path /app/*") },
  { server: "caddy", check: "upload", change: (text) => text.replace(/max_size .*/, "max_size 1MiB") },
  { server: "haproxy", check: "prefix", change: (text) => text.replace("path_beg /app/", "path_beg /app") },
  {
    server: "haproxy",
    check: "prefix",
    change: (text) => text.replace("http-request set-path /app/ if { path /app }", "use_backend app if { path /app }"),
  },
  {
    server: "h2o",
    check: "upload",
    change: (text) => text.replace(/limit-request-body: \d+/, "limit-request-body: 1000"),
  },
  { server: "h2o", check: "mount", without: [] },
];

for (
  const { server, check, mount = "/app", without = [], change = (text: string) => text, more: given = [] } of brokenOnes
) {
  const more = [...given, ...server === "h2o" && mount !== "" && check !== "mount" ? ["--mount", mount] : []];
  Deno.test({
    name: `doctor names ${check} of ${server}, and falls silent with the lines that it prints`,
    ignore: missing[server] ?? true,
    fn: () =>
      withPlace(server, mount, async (place) => {
        const wanted = everything(server).filter((need) => !without.includes(need));
        const files = writeNeeds(server, wanted, readSite(place.options))
          .map((file) => ({ ...file, text: change(file.text) }));
        const fast = ["--only", [...Object.keys(CHECKS).filter((name) => !takeTime.includes(name)), check].join(",")];
        const report = await examine(place, files, [...fast, ...more]);
        const found = report.findings.find((finding) => finding.check === check);
        assert(found?.level === "wrong" || found?.level === "consider", complaints(report).join("\n"));
        assert(found.lines.length > 0, `${check}: ${found.saw} ${found.remedy}`);
        const [options, lines] = [true, false].map((is) =>
          found.lines.filter(({ place }) => is === (place === "application"))
        );
        // What is not in the site itself, Apache reads before it.
        const mended = files.map((file, at) =>
          at < files.length - 1 ? file : { ...file, text: applied(server, file.text, lines!, mount) }
        );
        more.push(...options!.flatMap(({ text }) => text.split(" ")));
        assertEquals(complaints(await examine(place, mended, [...fast, ...more])), []);
      }),
  });
}

for (const server of webServers) {
  if (mendingLines(server, "https").cannot !== undefined) continue;
  const openssl = findProgram("openssl");
  Deno.test({
    name: `doctor names https and client-address of ${server} behind a proxy that ends TLS, and falls silent`,
    ignore: missing[server] ?? isLeftOut("TLS before web servers", openssl === undefined ? "openssl" : undefined),
    fn: () =>
      withPlace(server, "/app", async (place) => {
        const { options, listen, folder } = place;
        const pair = ["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`, "-subj", "/CN=localhost"];
        await outputOf([openssl!, ..."req -x509 -newkey rsa:2048 -nodes -days 2".split(" "), ...pair], {});
        const port = freePort();
        await using proxy = Deno.serve({
          port: 0,
          hostname: "127.0.0.1",
          cert: await Deno.readTextFile(`${folder}/cert.pem`),
          key: await Deno.readTextFile(`${folder}/key.pem`),
          onListen: () => {},
        }, async (request) => {
          const url = new URL(request.url);
          const headers = new Headers(request.headers);
          headers.set("X-Forwarded-Proto", "https");
          headers.set("X-Forwarded-For", "192.0.2.7");
          using client = Deno.createHttpClient({ allowHost: true, poolMaxIdlePerHost: 0 });
          const response = await fetch(`http://127.0.0.1:${port}${url.pathname}`, { headers, client });
          return new Response(await response.arrayBuffer(), response);
        });
        const look = async (text: string): Promise<Report> => {
          const files = [{ path: "app.conf", placement: "a file of its own", text: `${text}\n` }] as const;
          await using _web = await startOnDebian(server, { files, modules: modules[server] ?? [], port });
          const args = [`https://localhost:${proxy.addr.port}/app/`, "-k", "--only", "https,client-address"];
          const where = listen === undefined ? ["--token", token] : ["--listen", listen];
          return await diagnose(parseArguments(DOCTOR, [...args, ...where])!);
        };
        const wanted = everything(server).filter((need) => need !== "request-head");
        const text = writeNeeds(server, wanted, readSite(options)).at(-1)!.text;
        const { findings } = await look(text);
        const levels = findings.map(({ check, level }) => `${check} ${level}`);
        // Caddy puts its own in the place of a header that it does not believe.
        const client = server === "caddy" ? "client-address right" : "client-address consider";
        assertEquals(levels, ["reach right", "https wrong", client]);
        const lines = findings.flatMap(({ lines }) => lines);
        assertEquals(complaints(await look(applied(server, text, lines, "/app"))), []);
      }),
  });
}

Deno.test({
  name: "doctor names the user of nginx that may not connect to the socket",
  ignore: (missing.nginx ?? true) || Deno.uid() !== 0,
  fn: async () => {
    // Not where the tests' other folders are: /tmp is wrong in any case.
    const folder = await Deno.makeTempDir({ dir: "/run", prefix: "webfcgi-doctor-" });
    await Deno.chmod(folder, 0o755);
    try {
      const path = `${folder}/app.sock`;
      const files = writeNeeds("nginx", everything("nginx"), readSite({ listen: path, header: "15k", upload: "3M" }))
        .map((file) => ({ ...file, text: `${file.text}\n` }));
      const port = freePort();
      await using _web = await startOnDebian("nginx", { files, modules: [], port });
      const look = async (...more: string[]): Promise<string[]> =>
        complaints(await diagnose(parseArguments(DOCTOR, [`http://localhost:${port}/`, "--listen", path, ...more])!));
      const [reach, socket] = await look("--only", "socket");
      assertEquals([reach?.slice(0, 17), socket?.replace(/user \d+/, "user N")], [
        "reach: status 502",
        `socket: the web server's user N may not connect to ${path}`,
      ]);
      assertEquals(await look("--only", "socket", "--mode", "666"), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
