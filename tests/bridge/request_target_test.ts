import type { BridgeInfo } from "../../src/bridge/bridge_info.ts";
import { readHttps, readTarget } from "../../src/bridge/request_target.ts";
import { assertEquals } from "../std/assert.ts";

/** A request as a server makes it: Deno's has the target as it came. */
function request(url: string, host?: string): Request {
  const made = new Request("http://h/", { headers: host === undefined ? {} : { host } });
  return Object.defineProperty(made, "url", { value: url });
}

for (
  const [url, host, href = url] of [
    ["http://h/", undefined],
    ["http://h/a%2fb//c?d/../e", "h"],
    ["http://h:81/a", "h:81"],
    ["http://h/a", "h:80", "http://h/a"],
    ["http://H./a", "H.", "http://h./a"],
    ["http://h./a", "H.:80"],
    ["http://[::1]:8080/", "[::1]:8080"],
    ["http://192.0.2.1/", "192.0.2.1"],
    ["https://h/", "h:443"],
    ["http://h/a", ""],
    ["http://h/...", "h"],
    ["http://h/.well-known/x", "h"],
    ["http://h/a.%2e/x", "h"],
  ] as [url: string, host: string | undefined, href?: string][]
) {
  Deno.test(`readTarget reads ${url} with the Host ${host}`, () => {
    assertEquals(readTarget(request(url, host), {})?.url.href, href);
  });
}

for (
  const [url, host] of [
    ["http://evil/", "good"],
    ["http://good:81/", "good"],
    ["http://good/", "good:81"],
    ["https://good/", "good:80"],
    ["http://good/", "good, evil"],
    ["http://good/", "goodness"],
    ["http://h/x/a", "h/x"],
    ["http://h?x/a", "h?x"],
    ["http://u@h/a", "u@h"],
    ["http://u:p@h/a", "h"],
    ["http://h/a", "a b"],
    ["http://h/a", "h\\x"],
    ["http://h/a", "[::1"],
    ["http://h/a", "a:b"],
    ["http://h:99999/a", undefined],
    ["http:///private/x", undefined],
    ["ftp://h/a", "h"],
    ["/a", "h"],
    ["", "h"],
    // Node's servers leave the joining of Host and target to adapters.
    ["http://goodhttp://evil/x", "good"],
    // Guards and servers read these in different ways.
    ["http://h//private/x", "h"],
    ["http://h/a/../b", "h"],
    ["http://h/./b", "h"],
    ["http://h/b/..", "h"],
    ["http://h/%2e%2E/b", "h"],
    ["http://h/.%2e/b", "h"],
    ["http://h/c:/../b", "h"],
    ["http://h/a\\b", "h"],
    ["http://h\\b", "h"],
  ] as const
) {
  Deno.test(`readTarget refuses ${url} with the Host ${host}`, () => {
    assertEquals(readTarget(request(url, host), {}), undefined);
  });
}

Deno.test("readTarget makes a request without Host one for the server's own URL, as Bun leaves it", () => {
  const info: BridgeInfo = { url: new URL("http://127.0.0.1:8080/") };
  const read = readTarget(request("/a?b"), info);
  assertEquals([read?.url.href, read?.request.url], ["http://127.0.0.1:8080/a?b", "http://127.0.0.1:8080/a?b"]);
  assertEquals(readTarget(request("//evil/a"), info), undefined);
  assertEquals(readTarget(request("/a", "h/x"), info), undefined);
});

const node = (encrypted?: boolean): BridgeInfo => ({ incoming: { socket: { encrypted } } });

for (
  const [name, info, option, http, https] of [
    ["nothing", {}, undefined, false, undefined],
    ["Deno.serve's", { remoteAddr: { transport: "tcp", hostname: "192.0.2.1", port: 5 } }, undefined, false, undefined],
    ["Bun.serve's", { protocol: "http" }, undefined, false, undefined],
    ["Bun.serve's with TLS", { protocol: "https" }, undefined, true, true],
    ["Node's", node(), undefined, false, undefined],
    ["Node's with TLS", node(true), undefined, true, true],
    ["a web server's", { params: [] }, undefined, false, true],
    ["nothing, and the option is true", {}, true, true, true],
    ["Node's, and the option is true", node(), true, true, true],
    ["Node's with TLS, and the option is false", node(true), false, false, undefined],
  ] as [string, BridgeInfo, boolean | undefined, boolean | undefined, boolean | undefined][]
) {
  Deno.test(`readHttps says ${http} for http and ${https} for https when told ${name}`, () => {
    assertEquals(
      [readHttps(new URL("http://h/"), info, option), readHttps(new URL("https://h/"), info, option)],
      [http, https],
    );
  });
}
