// Runs what the guides in docs/ say: files that an application names, variables, a shared host.

import { type Handler, serve } from "../../mod.ts";
import type { WebServerName } from "../../src/config.ts";
import { writtenPage } from "../docs/config_blocks.ts";
import { findProgram, isLeftOut } from "../helpers/programs.ts";
import { outputOf } from "../helpers/output_of.ts";
import { assertEquals, assertStringIncludes } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { block, pages } from "./documentation.ts";
import { header, request, text } from "./http_client.ts";
import { withFolder } from "./program.ts";
import { bundle } from "../helpers/bundle.ts";
import { findRuntimes } from "../runtimes.ts";
import { childrenOf } from "./processes.ts";
import { findApacheModules, freePort } from "./web_server.ts";

Deno.test("the guides' configurations are what the code writes", () => {
  for (const page of pages) {
    const written = Deno.readTextFileSync(page);
    assertEquals(writtenPage(written), written, `run: deno run -A tests/docs/config_blocks.ts (${page})`);
  }
});

/** The handler of a guide's program. */
async function handlerOf(page: string, heading: string, change: (source: string) => string): Promise<Handler> {
  const source = block(page, heading, "js ignore").replace(/^import .*$/m, "").replace(
    "serve({ port: 9000 }, ",
    "export default (",
  );
  const module = await import(`data:text/javascript,${encodeURIComponent(change(source))}`);
  return module.default;
}

/** A file for a web server with a guide's lines, which are whole for some and a part for others. */
function siteOf(server: WebServerName, port: number, lines: string, appPort: number): string {
  const nginx = `location / { include fastcgi_params; fastcgi_pass 127.0.0.1:9000; }`;
  const apache = `ProxyPass / fcgi://127.0.0.1:9000/`;
  const site = {
    nginx: `server {\nlisten 80;\nserver_name localhost;\n${lines}\n${lines.includes("location / ") ? "" : nginx}\n}\n`,
    apache: `<VirtualHost *:80>\nServerName localhost\n${lines}\n${
      lines.includes("ProxyPass") ? "" : apache
    }\n</VirtualHost>\n`,
    lighttpd: `server.modules += ( "mod_fastcgi", "mod_setenv" )\n${lines}\n`,
    caddy: `:80 {\n${lines}\n}\n`,
    haproxy: `frontend app\nbind :80\ndefault_backend app\nbackend app\nuse-fcgi-app app\n` +
      `server app 127.0.0.1:9000 proto fcgi\nfcgi-app app\ndocroot /\n${lines}\n`,
    h2o: `hosts:\n  default:\n    paths:\n      "/":\n        fastcgi.connect:\n          host: 127.0.0.1\n` +
      `          port: 9000\n          type: tcp\n        ${lines}\n`,
    fcgid: "",
  }[server];
  return site.replaceAll("9000", String(appPort)).replaceAll(/(^listen |\*:|^:|:)80\b/gm, `$1${port}`);
}

for (const runtime of await findRuntimes()) {
  const name = runtime.name.replace(/\d+$/, "");
  Deno.test({
    name: `an application on a shared host is started by docs/shared-hosting.md's two files on ${runtime.name}`,
    ignore: isMissing("fcgid"),
    fn: () =>
      withFolder(async (folder) => {
        const heading = "The two files";
        const site = `${folder}/site/app`;
        await Deno.mkdir(site, { recursive: true });
        // Apache's user may not enter the folder that the runtime lies in.
        await Deno.copyFile(findProgram(runtime.command[0]) ?? runtime.command[0], `${folder}/${name}`);
        await Deno.chmod(`${folder}/${name}`, 0o755);
        const source = block("docs/shared-hosting.md", heading, "js ignore");
        const mod = new URL("../../mod.ts", import.meta.url).href;
        await Deno.writeTextFile(`${folder}/source.mjs`, source.replace('"@webfcgi/webfcgi"', JSON.stringify(mod)));
        await bundle(`${folder}/source.mjs`, `${site}/app.mjs`);
        const page = Deno.readTextFileSync("docs/shared-hosting.md").replaceAll("\n", " ");
        const onNode = block("docs/shared-hosting.md", heading, "sh");
        const last = name === "node" ? onNode : new RegExp(`\`(exec /usr/bin/${name} .*?)\``).exec(page)![1]!;
        const script = onNode.replace(/^exec.*/m, last.replace(/^#!.*\n/, "")).replace("/usr/bin", folder);
        await Deno.writeTextFile(`${site}/dispatch.fcgi`, script);
        await Deno.chmod(`${site}/dispatch.fcgi`, 0o755);
        await Deno.writeTextFile(`${site}/.htaccess`, block("docs/shared-hosting.md", heading, "apache"));
        await Deno.writeTextFile(`${site}/hello.txt`, "hello from a file\n");
        const port = freePort();
        const host = `<VirtualHost *:80>\nServerName localhost\nDocumentRoot ${folder}/site\n` +
          `<Directory ${folder}/site>\nOptions FollowSymLinks\nAllowOverride All\nRequire all granted\n` +
          `</Directory>\n</VirtualHost>\n`;
        const files = [{ path: "host.conf", placement: "a file of its own", text: host }] as const;
        {
          await using web = await startOnDebian("fcgid", { files, modules: ["fcgid", "rewrite"], port });
          const answer = text(await request(port, "GET", "/app/a/b?c=d"));
          if (!answer.startsWith("Hello")) console.error(await web.errorLog());
          assertEquals(answer, 'Hello! You asked for /a/b below "/app"\n');
          assertEquals(text(await request(port, "GET", "/app/hello.txt")), "hello from a file\n");
        }
        assertEquals(childrenOf(Deno.pid), [], "no process stays behind");
      }),
  });
}

const sendfileServers = {
  nginx: ["nginx", "nginx"],
  caddy: ["caddy", "Caddy"],
  lighttpd: ["lighttpd", "lighttpd"],
  apache: ["apache", "Apache"],
} as const;

for (const [server, [info, heading]] of Object.entries(sendfileServers)) {
  const name = server as keyof typeof sendfileServers;
  const noModule = server === "apache" && !findApacheFile("mod_xsendfile.so");
  Deno.test({
    name: `${server} sends the file that an application names, as docs/files.md says`,
    ignore: isMissing(name) || isLeftOut("X-Sendfile of Apache", noModule ? "mod_xsendfile" : undefined),
    fn: () =>
      withFolder(async (folder) => {
        await Deno.mkdir(`${folder}/members`);
        await Deno.writeTextFile(`${folder}/members/report-7.pdf`, "0123456789");
        await Deno.writeTextFile(`${folder}/secret.pdf`, "secret");
        const handler = await handlerOf("docs/files.md", "Files handed to the web server", (source) =>
          info === "nginx" || info === "caddy"
            ? source
            : source.replace('"X-Accel-Redirect": "', `"X-Sendfile": "${folder}`));
        await using app = serve({ port: 0, quiet: true }, handler);
        await app.ready;
        const port = freePort();
        const lines = block("docs/files.md", heading, info).replaceAll("/srv/app", folder);
        const site = siteOf(name, port, lines, app.addr.port);
        const files = [{ path: "app.conf", placement: "a file of its own", text: site }] as const;
        await using _web = await startOnDebian(name, { files, modules: ["proxy_fcgi", "xsendfile"], port });

        const ask = async (method: string, target: string, ...headers: [string, string][]) => {
          const response = await request(port, method, target, { headers });
          return [response.status, text(response), response] as const;
        };
        const member: [string, string] = ["Cookie", "member=yes"];
        const [status, body, response] = await ask("GET", "/report", member);
        assertEquals([status, body], [200, "0123456789"]);
        assertEquals(header(response, "content-type"), "application/pdf");
        assertStringIncludes(
          header(response, "content-disposition") ?? "",
          "filename*=UTF-8''%C3%9Cbersicht%20100%25.pdf",
        );
        assertEquals((await ask("GET", "/report", member, ["Range", "bytes=2-4"])).slice(0, 2), [206, "234"]);
        const modified: [string, string] = ["If-Modified-Since", header(response, "last-modified")!];
        assertEquals((await ask("GET", "/report", member, modified))[0], 304);
        assertEquals((await ask("HEAD", "/report", member)).slice(0, 2), [200, ""]);
        assertEquals((await ask("GET", "/report")).slice(0, 2), [403, "Members only\n"]);
        assertEquals((await ask("GET", "/members/report-7.pdf"))[1].includes("0123456789"), false);
      }),
  });
}

/** Whether Apache has a module. */
function findApacheFile(name: string): boolean {
  return findApacheModules() !== undefined &&
    [...Deno.readDirSync(findApacheModules()!)].some((file) => file.name === name);
}

const variableServers: Readonly<Record<string, [WebServerName, (line: string) => string]>> = {
  nginx: ["nginx", (line) => `location / { include fastcgi_params; fastcgi_pass 127.0.0.1:9000; ${line} }`],
  Apache: ["apache", (line) => line],
  lighttpd: [
    "lighttpd",
    (line) =>
      `${line}\nfastcgi.server = ( "/" => (( "host" => "127.0.0.1", "port" => 9000, "check-local" => "disable" )) )`,
  ],
  Caddy: ["caddy", (line) => `reverse_proxy 127.0.0.1:9000 {\ntransport fastcgi {\n${line}\n}\n}`],
  HAProxy: ["haproxy", (line) => line],
  h2o: ["h2o", (line) => line],
};
for (const [title, [server, complete]] of Object.entries(variableServers)) {
  Deno.test({
    name: `${title} sends a variable of its own, as docs/variables.md says`,
    ignore: isMissing(server),
    fn: async () => {
      const [, line] = new RegExp(`^\\| ${title} +\\| \`(.*?)\``, "m").exec(
        Deno.readTextFileSync("docs/variables.md"),
      )!;
      await using app = serve(
        { port: 0, quiet: true },
        (_, { params }) => new Response(params.get("APP_STAGE") ?? "none"),
      );
      await app.ready;
      const port = freePort();
      const site = siteOf(server, port, complete(line!), app.addr.port);
      const files = [{ path: "app.conf", placement: "a file of its own", text: site }] as const;
      await using _web = await startOnDebian(server, { files, modules: ["proxy_fcgi"], port });
      const headers = [["APP_STAGE", "forged"], ["App-Stage", "forged"]] as const;
      assertEquals(text(await request(port, "GET", "/", { headers })), "production");
    },
  });
}

for (const [title, server] of [["nginx", "nginx"], ["Apache", "apache"]] as const) {
  const openssl = findProgram("openssl");
  Deno.test({
    name: `${title} says whose a client's certificate is, as docs/variables.md says`,
    ignore: isMissing(server) || isLeftOut("client certificates", openssl === undefined ? "openssl" : undefined),
    fn: () =>
      withFolder(async (folder) => {
        const make = async (name: string, subject: string): Promise<void> => {
          const isAuthority = ["-addext", `basicConstraints=critical,CA:${name === "ca" ? "TRUE" : "FALSE"}`];
          const args = [
            ...isAuthority,
            "-keyout",
            `${folder}/${name}.key`,
            "-out",
            `${folder}/${name}.pem`,
            "-subj",
            subject,
          ];
          const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
          await outputOf([openssl!, ...kind, ...args, "-addext", "subjectAltName=DNS:localhost"], {});
        };
        await make("server", "/CN=localhost");
        // A certificate that signs itself is its own authority.
        await make("ca", "/O=Example/CN=anna");
        const handler = await handlerOf("docs/variables.md", "Client certificates", (source) => source);
        await using app = serve({ port: 0, quiet: true }, handler);
        await app.ready;
        const port = freePort();
        const lines = block("docs/variables.md", "Client certificates", server).replaceAll("/srv/app", folder);
        const pair = server === "nginx"
          ? `ssl_certificate ${folder}/server.pem;\nssl_certificate_key ${folder}/server.key;\n`
          : `SSLEngine on\nSSLCertificateFile ${folder}/server.pem\nSSLCertificateKeyFile ${folder}/server.key\n`;
        const tlsPort = freePort();
        const site = siteOf(server, tlsPort, pair + lines, app.addr.port).replace(/^listen \d+/m, "$& ssl");
        // The package's own site has the other port; of the last file for Apache the ports are its.
        const texts = server === "nginx" ? [site] : [`Listen ${tlsPort}\n${site}`, ""];
        const files = texts.map((text) => ({ path: "app.conf", placement: "a file of its own", text }) as const);
        await using _web = await startOnDebian(server, {
          files,
          modules: ["proxy_fcgi", "socache_shmcb", "ssl"],
          port,
        });
        const read = (name: string): string => Deno.readTextFileSync(`${folder}/${name}`);
        using client = Deno.createHttpClient({
          caCerts: [read("server.pem")],
          cert: read("ca.pem"),
          key: read("ca.key"),
        });
        const answer = await fetch(`https://localhost:${tlsPort}/`, { client });
        assertEquals(await answer.text(), "Hello, CN=anna,O=Example\n");
        using stranger = Deno.createHttpClient({ caCerts: [read("server.pem")] });
        const refused = await fetch(`https://localhost:${tlsPort}/`, { client: stranger })
          .then((response) => response.text(), () => "refused");
        assertEquals(refused.includes("Hello"), false);
      }),
  });
}
