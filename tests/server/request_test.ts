import { FastResponse, type HandlerInfo } from "@webfcgi/webfcgi";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "../std/assert.ts";
import { inScene, type SceneOptions, serveTest } from "./scene.ts";
import type { AskOptions } from "./web_server.ts";

/** What a handler sees, as JSON. */
function see(look: (request: Request, info: HandlerInfo) => unknown): SceneOptions {
  return { fetch: (request, info) => new Response(JSON.stringify(look(request, info))) };
}

/** Defines a test of what a handler sees of requests. */
function seeTest(
  name: string,
  look: (request: Request, info: HandlerInfo) => unknown,
  cases: readonly (readonly [options: AskOptions, seen: unknown])[],
): void {
  serveTest(name, see(look), async ({ connect }) => {
    const web = await connect();
    for (const [options, seen] of cases) assertEquals(JSON.parse((await web.ask(options).answer()).text), seen);
  });
}

seeTest("request.url is the URL that the client asked for", (request) => request.url, [
  [{ uri: "/" }, "http://example.com/"],
  [{ uri: "/a%2Fb//c;d?x=1&y=%20+z" }, "http://example.com/a%2Fb//c;d?x=1&y=%20+z"],
  [{ uri: "//evil.example/x" }, "http://example.com//evil.example/x"],
  [{ uri: "http://other.example:81/x?y" }, "http://other.example:81/x?y"],
  [{ uri: "*", method: "OPTIONS" }, "http://example.com/"],
  [{ uri: "/", params: { HTTPS: "on" } }, "https://example.com/"],
  [{ uri: "/", params: { REQUEST_SCHEME: "https" } }, "https://example.com/"],
  [{ uri: "/", params: { HTTP_HOST: "[::1]:8080" } }, "http://[::1]:8080/"],
  [{ uri: "/", params: { HTTP_HOST: undefined, SERVER_NAME: "named", SERVER_PORT: "81" } }, "http://named:81/"],
  [
    { params: { REQUEST_URI: undefined, SCRIPT_NAME: "/app", PATH_INFO: "/a b?", QUERY_STRING: "q=1" } },
    "http://example.com/app/a%20b%3F?q=1",
  ],
  [{ uri: "/caf\xc3\xa9" }, "http://example.com/caf%C3%A9"],
]);

for (const host of ["evil/x", "a@b", "a b", "a\\b", "a#b", "a:b"]) {
  serveTest(`serve answers 400 when Host is ${host}`, { fetch: () => new Response() }, async ({ ask }) => {
    const { head, text } = await ask({ params: { HTTP_HOST: host } });
    assertEquals(
      head,
      "content-type: text/plain;charset=UTF-8\r\nContent-Length: 16\r\nStatus: 400 Bad Request\r\n\r\n",
    );
    assertEquals(text, "400 Bad Request\n");
  });
}

seeTest("request.headers has what the client sent", (request) => Object.fromEntries(request.headers), [
  [
    {
      method: "POST",
      body: "abc",
      params: {
        CONTENT_TYPE: "text/plain",
        HTTP_X_ONE_TWO: " three ",
        HTTP_CONNECTION: "close",
        HTTP_PROXY: "http://evil.example",
        HTTP_TRANSFER_ENCODING: "chunked",
        HTTP_CONTENT_LENGTH: "99",
        HTTP_CONTENT_TYPE: "text/evil",
        "HTTP_BAD NAME": "x",
        HTTP_BAD_VALUE: "a\nb",
        REDIRECT_HTTP_AUTHORIZATION: "Basic abc",
      },
    },
    {
      host: "example.com",
      "content-type": "text/plain",
      "content-length": "3",
      "x-one-two": "three",
      authorization: "Basic abc",
    },
  ],
  [{}, { host: "example.com" }],
]);

seeTest("request.headers keeps bytes as chars", (request) => request.headers.get("x-name"), [
  [{ params: { HTTP_X_NAME: "caf\xe9 \x80\xff" } }, "caf\xe9 \x80\xff"],
  [{ params: { HTTP_X_NAME: "" } }, ""],
]);

seeTest("request.headers joins repeated fields", (request) => Object.fromEntries(request.headers), [
  [
    {
      more: ["HTTP_COOKIE", "a=1", "HTTP_COOKIE", "b=2", "HTTP_X_A", "1", "HTTP_X_A", "2", "HTTP_HOST", "last.example"],
    },
    { host: "last.example", cookie: "a=1; b=2", "x-a": "1, 2" },
  ],
]);

seeTest(
  "request.method is what the client sent",
  (request) => [request.method, request.clone().method, new Request(request).method],
  [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "patch",
    "get",
    "PROPFIND",
    "propfind",
    "PURGE",
    "M-SEARCH",
  ]
    .concat(["REPORT", "QUERY", "BAN", "X-FOO", "VERSION-CONTROL", "Foo", "!#$%&'*+-.^_`|~0"])
    .filter((method) => method !== "HEAD")
    // The Fetch standard writes these in capitals when a Request is made of them; a received one keeps its spelling.
    .map((method) => [{ method }, [method, method, method]]),
);

for (const [method, status] of [["CONNECT", 501], ["TRACE", 501], ["TRACK", 501], ["trace", 501]] as const) {
  serveTest(
    `serve answers ${status} when the method is ${method}`,
    { fetch: () => new Response() },
    async ({ ask }) => {
      assertEquals((await ask({ method })).status, status);
    },
  );
}

for (const method of ["", "A B", "GET\n", "G\xc9T"]) {
  serveTest(
    `serve answers 400 when the method is ${JSON.stringify(method)}`,
    { fetch: () => new Response() },
    async ({ ask }) => assertEquals((await ask({ method })).status, 400),
  );
}

serveTest("serve answers 400 when there is no method", { fetch: () => new Response() }, async ({ ask }) => {
  assertEquals((await ask({ params: { REQUEST_METHOD: undefined } })).status, 400);
});

seeTest("info tells scriptName and pathInfo", (_, info) => [info.scriptName, info.pathInfo, info.requestUri], [
  [{ uri: "/a/b?c" }, ["", "/a/b", "/a/b?c"]],
  [{ uri: "/app/b%20c?d", params: { SCRIPT_NAME: "/app", PATH_INFO: "/b c" } }, ["/app", "/b c", "/app/b%20c?d"]],
  [{ uri: "/app/x", params: { SCRIPT_NAME: "", PATH_INFO: "/x" } }, ["/app", "/x", "/app/x"]],
  [{ uri: "*", method: "OPTIONS", params: { SCRIPT_NAME: "*" } }, ["", "/", "*"]],
]);

seeTest("info.remoteAddr is the client", (_, info) => info.remoteAddr, [
  [{}, { transport: "tcp", hostname: "192.0.2.7", port: 50123 }],
  [{ params: { REMOTE_ADDR: "unix:", REMOTE_PORT: "" } }, { transport: "unix", path: "" }],
  [{ params: { REMOTE_ADDR: undefined, REMOTE_PORT: undefined } }, { transport: "tcp", hostname: "", port: 0 }],
]);

seeTest("info tells of the connection", (_, info) => {
  const { peerAddr, requestId, role } = info;
  return [peerAddr.transport, "hostname" in peerAddr && peerAddr.hostname, requestId, role];
}, [[{ requestId: 4711 }, ["tcp", "127.0.0.1", 4711, "responder"]]]);

serveTest("info.params has everything in the order in which it came", {
  fetch(_, { params }) {
    const pairs = [...params];
    assertEquals(pairs[0], ["GATEWAY_INTERFACE", "CGI/1.1"]);
    assertEquals(pairs.slice(-3), [["X", "1"], ["X", "2"], ["", "no name"]]);
    assertEquals([params.get("X"), params.get("Y"), params.has("X"), params.has("Y")], ["2", undefined, true, false]);
    assertEquals([params.toObject().X, params.toObject()[""]], ["2", "no name"]);
    return new Response("ok");
  },
}, async ({ ask }) => {
  assertEquals((await ask({ more: ["X", "1", "X", "2", "", "no name"] })).text, "ok");
});

Deno.test("serve cuts the mount off request.url when stripMount is set", async () => {
  const fetch = (request: Request, info: HandlerInfo): Response =>
    Response.json([request.url, info.scriptName, info.pathInfo, info.requestUri]);
  await inScene({ stripMount: true, fetch }, async ({ connect }) => {
    const web = await connect();
    const seen = async (options: AskOptions): Promise<unknown> => JSON.parse((await web.ask(options).answer()).text);
    const params = { SCRIPT_NAME: "/app", PATH_INFO: "/x%y" };
    assertEquals(
      await seen({ uri: "/app/x%25y?z", params }),
      ["http://example.com/x%25y?z", "/app", "/x%y", "/app/x%25y?z"],
    );
    assertEquals(await seen({ uri: "/x" }), ["http://example.com/x", "", "/x", "/x"]);
  });
});

for (
  const [stripMount, uri, expected] of [
    [true, "/app/x", "/app/there"],
    [true, "/x", "/there"],
    [false, "/app/x", "/there"],
  ] as const
) {
  const what = `${expected} from ${uri} ${stripMount ? "with" : "without"} stripMount`;
  Deno.test(`serve redirects to ${what}`, async () => {
    const makers = [
      () => new Response(null, { status: 302, headers: { Location: "/there", "Set-Cookie": "a=1" } }),
      () => new FastResponse("moved", { status: 302, headers: { location: "/there", "Set-Cookie": "a=1" } }),
      (request: Request) => {
        const response = Response.redirect(new URL("/there", request.url));
        return new Response(null, { status: 302, headers: [...response.headers, ["Set-Cookie", "a=1"]] });
      },
    ];
    for (const fetch of makers) {
      await inScene({ stripMount, fetch, onError: () => undefined }, async ({ ask }) => {
        const params = uri === "/x" ? {} : { SCRIPT_NAME: "/app", PATH_INFO: "/x" };
        const { headers } = await ask({ uri, params });
        assertEquals(headers.get("location")?.replace("http://example.com", ""), expected);
        assertEquals(headers.get("set-cookie"), "a=1");
      });
    }
  });
}

Deno.test("serve takes the mount from its option", async () => {
  const fetch = (request: Request, info: HandlerInfo): Response =>
    Response.json([request.url, info.scriptName, info.pathInfo]);
  for (const [stripMount, url] of [[false, "http://example.com/m/x"], [true, "http://example.com/x"]] as const) {
    await inScene({ mount: "/m", stripMount, fetch }, async ({ ask }) => {
      assertEquals(JSON.parse((await ask({ uri: "/m/x" })).text), [url, "/m", "/x"]);
    });
  }
});

serveTest("a handler may read request and info after it has answered", {
  fetch(request, info) {
    info.waitUntil(info.completed.then(() => {
      assertEquals(request.url, "http://example.com/later");
      assertEquals(request.headers.get("host"), "example.com");
      assertEquals([info.scriptName, info.pathInfo], ["", "/later"]);
      assertStrictEquals(request.signal.aborted, false);
      info.log("dropped");
      assert(request.signal === request.signal);
    }));
    return new Response();
  },
}, async ({ ask, server }) => {
  await ask({ uri: "/later" });
  await server.shutdown();
});

serveTest("info.setAppStatus sets what END_REQUEST says", {
  fetch(_, info) {
    for (const wrong of [-1, 1.5, 2 ** 32, NaN]) assertThrows(() => info.setAppStatus(wrong), RangeError, "appStatus");
    info.setAppStatus(4_000_000_000);
    return new Response();
  },
}, async ({ ask }) => {
  assertEquals((await ask()).end, { appStatus: 4_000_000_000, protocolStatus: 0 });
});
