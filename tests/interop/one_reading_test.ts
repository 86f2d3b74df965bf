// A folder that the web server denies stays denied, however its path is spelled: nothing of it reaches the handler.

import { serve } from "../../mod.ts";
import { oddPath, pathsPastAdmin } from "../cgi/server_reading.ts";
import { Random } from "../protocol/random.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { HttpConnection, text } from "./http_client.ts";
import { isMissing, startWebServer, type WebServerKind } from "./web_server.ts";

const missing = { nginx: isMissing("nginx"), apache: isMissing("apache") };
const fastcgiParams = await Deno.readTextFile(new URL("configs/fastcgi_params", import.meta.url));

/** What the handler tells of a request. */
interface Told {
  readonly path: string;
  readonly scriptName: string;
  readonly pathInfo: string;
  /** The path as the web server has read it. */
  readonly reading: string | undefined;
}

/** A way to deny `mount + "/admin/"` in front of an application. */
interface Site {
  readonly name: string;
  readonly kind: WebServerKind;
  readonly mount: "" | "/fcgi";
  readonly directives: (port: number) => string;
}

function nginxSite(name: string, mount: Site["mount"], lines: string): Site[] {
  return ["on", "off"].map((merges) => ({
    name: `${name}, merge_slashes ${merges}`,
    kind: "nginx",
    mount,
    directives: (port) => `
      merge_slashes ${merges};
      location ${mount}/admin/ { deny all; }
      location ${mount}/ { include fastcgi_params; fastcgi_param READING $uri; ${lines}
        fastcgi_pass 127.0.0.1:${port}; fastcgi_keep_conn on; }`,
  }));
}

function apacheSite(name: string, mount: Site["mount"], lines: string, proxyOptions = ""): Site[] {
  return ["Off", "On", "NoDecode"].flatMap((slashes) =>
    ["On", "Off"].map((merges) => ({
      name: `${name}, AllowEncodedSlashes ${slashes}, MergeSlashes ${merges}`,
      kind: "apache",
      mount,
      directives: (port) => `
        AllowEncodedSlashes ${slashes}
        MergeSlashes ${merges}
        ${lines}
        <Location "/">
          SetEnvIfExpr "%{REQUEST_URI} =~ m#^(.*)$#" READING=$1
        </Location>
        <Location "${mount}/admin">
          Require all denied
        </Location>
        ProxyPass ${mount === "" ? "/" : mount} fcgi://127.0.0.1:${port}${mount === "" ? "/" : ""} ${proxyOptions}`,
    }))
  );
}

const unescape = 'SetEnvIf Request_URI "^" proxy-fcgi-pathinfo=unescape';
const sites: readonly Site[] = [
  ...nginxSite("bare", "", ""),
  ...nginxSite("PATH_INFO", "", 'fastcgi_param SCRIPT_NAME ""; fastcgi_param PATH_INFO $fastcgi_script_name;'),
  ...nginxSite("SCRIPT_NAME", "/fcgi", "fastcgi_param SCRIPT_NAME /fcgi;"),
  ...nginxSite(
    "split",
    "/fcgi",
    "fastcgi_split_path_info ^(/fcgi)(/.*)$; fastcgi_param PATH_INFO $fastcgi_path_info;",
  ),
  ...apacheSite("bare", "", ""),
  ...apacheSite("PATH_INFO", "", unescape),
  ...apacheSite("no variable", "", "ProxyFCGISetEnvIf true SCRIPT_NAME"),
  ...apacheSite("PATH_INFO", "/fcgi", unescape),
  ...apacheSite("SCRIPT_NAME", "/fcgi", "ProxyFCGISetEnvIf true SCRIPT_NAME /fcgi"),
  ...apacheSite("nocanon", "", "", "nocanon"),
  ...apacheSite("mapping=encoded", "", "", "mapping=encoded"),
];

/** A client that goes on after a response that ends its connection. */
class Client implements Disposable {
  readonly #port: number;
  #connection: HttpConnection | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** What the handler tells of a target; `undefined` if it was refused by it or the web server. */
  async ask(target: string): Promise<Told | undefined> {
    if (!this.#connection?.reusable) {
      this.#connection?.close();
      this.#connection = await HttpConnection.connect(this.#port);
    }
    const response = await this.#connection.request("GET", target);
    if (response.status === 200) return JSON.parse(text(response));
    // Apache: %2F where it is off; NUL.
    assert([400, 403, 404].includes(response.status), `${target} is answered with ${response.status}`);
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#connection?.close();
  }
}

/** Whether a router takes a path for one in the denied folder. */
function isDenied(path: string): boolean {
  return /^\/(?:a|%61)dmin\//.test(path);
}

/** With `mapping=encoded` Apache's reading is what the client wrote, unless a URL has it encoded. */
function decoded({ reading = "" }: Told): string {
  return reading.replaceAll("%5C", "\\");
}

function check(target: string, told: Told, mount: string, strips: boolean): void {
  const about = `${target}: ${JSON.stringify(told)}`;
  const { path, scriptName, pathInfo } = told;
  const whole = scriptName + pathInfo;
  for (const denied of [path, pathInfo, whole]) {
    assert(!isDenied(denied), about);
    if (!strips) assert(!(denied.startsWith(mount) && isDenied(denied.slice(mount.length))), about);
  }
  assert(!/[/\\]\.{1,2}(?:[/\\]|$)/.test(whole), about);
}

for (const site of sites) {
  Deno.test({
    name: `a denied folder stays denied however its path is spelled behind ${site.kind}: ${site.name}, ${site.mount}/`,
    ignore: missing[site.kind],
    fn: async () => {
      for (const strips of site.mount === "" ? [false] : [false, true]) {
        await using server = serve(
          { port: 0, stripMount: strips, onListen: () => {} },
          (request, info) =>
            Response.json({
              path: /^http:\/\/[^/]+([^?]*)/.exec(request.url)![1],
              scriptName: info.scriptName,
              pathInfo: info.pathInfo,
              reading: info.params.get("READING"),
            }),
        );
        await server.ready;
        const { port } = server.addr as Deno.NetAddr;
        await using web = await startWebServer(site.kind, site.directives(port), { fastcgi_params: fastcgiParams });
        using client = new Client(web.port);
        await visit(client, site, strips);
      }
    },
  });
}

async function visit(client: Client, { kind, mount }: Site, strips: boolean): Promise<void> {
  assertEquals(await client.ask(`${mount}/admin/x`), undefined);
  const plain = await client.ask(`${mount}/public/x`);
  assert(plain !== undefined);
  const random = new Random(3);
  const odd = Array.from({ length: 300 }, () => oddPath(random)).filter((path) => !path.includes("%zz"));
  let answered = 0;
  for (const path of [...pathsPastAdmin, ...odd]) {
    // What follows in a URL is nothing that a web server reads.
    const target = path.replaceAll(/[ \t]/g, "");
    const told = await client.ask(mount + target);
    if (told === undefined) continue;
    answered++;
    check(target, told, mount, strips);
    // Apache takes the slashes in front for one, whatever is set: the dot segments behind them hide none from it.
    if (told.reading === undefined || kind === "apache" && told.path.startsWith("//")) continue;
    // The web server would find the same location for the URL that the handler sees.
    if (strips && told.pathInfo === "") continue;
    const again = await client.ask((strips ? told.scriptName : "") + told.path);
    assert(again !== undefined, `${target}: ${told.path} is refused`);
    assertEquals([again.path, decoded(again)], [told.path, decoded(told)], target);
  }
  assert(answered > 80, `only ${answered} were answered`);
}
