import { authorized, type HandlerInfo } from "@webfcgi/webfcgi";
import { FCGI_AUTHORIZER, FCGI_FILTER, FCGI_RESPONDER, FCGI_UNKNOWN_ROLE } from "@webfcgi/webfcgi/codec";
import { assertEquals, assertThrows } from "../std/assert.ts";
import { serveTest } from "./scene.ts";

const role = (_: Request, info: HandlerInfo): Response => new Response(info.role);

serveTest("serve gives each role its handler", { fetch: role, authorizer: role, filter: role }, async ({ ask }) => {
  assertEquals((await ask()).text, "responder");
  assertEquals((await ask({ role: FCGI_AUTHORIZER })).text, "authorizer");
  assertEquals((await ask({ role: FCGI_FILTER, data: "" })).text, "filter");
});

serveTest("serve refuses a role that has no handler", { authorizer: role }, async ({ connect }) => {
  const web = await connect();
  for (const [requestId, unknown] of [FCGI_RESPONDER, FCGI_FILTER, 9].entries()) {
    const asked = web.ask({ role: unknown, requestId: requestId + 1, data: "" });
    await web.until(() => asked.end !== undefined, "the refusal");
    assertEquals([asked.end?.protocolStatus, asked.length], [FCGI_UNKNOWN_ROLE, 0]);
  }
  assertEquals((await web.ask({ role: FCGI_AUTHORIZER }).answer()).text, "authorizer");
});

serveTest(
  "serve closes the connection of a refused request without KEEP_CONN",
  { fetch: role },
  async ({ connect }) => {
    const web = await connect();
    const asked = web.ask({ role: 7, keepConn: false });
    await web.untilEnded();
    assertEquals(asked.end?.protocolStatus, FCGI_UNKNOWN_ROLE);
  },
);

serveTest(
  "serve sends an Authorizer's variables when it allows",
  { authorizer: () => authorized({ REMOTE_USER: "anna" }) },
  async ({ connect }) => {
    const web = await connect();
    const answer = web.ask({ role: FCGI_AUTHORIZER, body: null, params: { CONTENT_LENGTH: undefined } });
    assertEquals(
      (await answer.answer()).head,
      "Variable-REMOTE_USER: anna\r\nContent-Length: 0\r\nStatus: 200 OK\r\n\r\n",
    );
  },
);

serveTest(
  "serve sends an Authorizer's denial whole",
  { authorizer: () => new Response("no entry", { status: 403 }) },
  async ({ ask }) => {
    const { status, text } = await ask({ role: FCGI_AUTHORIZER });
    assertEquals([status, text], [403, "no entry"]);
  },
);

serveTest("serve denies when an Authorizer throws", {
  authorizer() {
    throw new Error("on purpose");
  },
}, async ({ ask, errors }) => {
  assertEquals((await ask({ role: FCGI_AUTHORIZER })).status, 500);
  assertEquals(errors.splice(0).map(String), ["Error: on purpose"]);
});

serveTest("serve gives an Authorizer a request without a body", {
  authorizer: async (request: Request) => new Response(`${request.body} ${await request.text()}.`),
}, async ({ ask }) => {
  assertEquals((await ask({ role: FCGI_AUTHORIZER, method: "POST", body: "ignored" })).text, "null .");
});

Deno.test("authorized throws a TypeError when a variable cannot be sent", () => {
  assertThrows(() => authorized({ "a b": "x" }), TypeError, "Cannot send variable");
  assertThrows(() => authorized({ a: "x\r\ny" }), TypeError, "Cannot send variable a");
});

serveTest("serve gives a Filter its body and its data", {
  filter: async (request: Request, info: HandlerInfo) => {
    const data = await new Response(info.data).text();
    const { dataLength, dataLastModified } = info;
    return new Response([await request.text(), data, dataLength, dataLastModified?.toISOString()].join("|"));
  },
}, async ({ ask }) => {
  const params = { FCGI_DATA_LENGTH: "9", FCGI_DATA_LAST_MOD: "86400" };
  const answer = await ask({ role: FCGI_FILTER, method: "POST", body: "the body", data: "some data", params });
  assertEquals(answer.text, "the body|some data|9|1970-01-02T00:00:00.000Z");
});

serveTest("reading info.data fails when FCGI_DATA is shorter than FCGI_DATA_LENGTH", {
  filter: (_: Request, info: HandlerInfo) => new Response(info.data).text().then((text) => new Response(text)),
}, async ({ ask, errors }) => {
  const answer = await ask({ role: FCGI_FILTER, data: "some", params: { FCGI_DATA_LENGTH: "9" } });
  assertEquals(answer.status, 400);
  assertEquals(errors.splice(0).map(String), [
    "ProtocolError: Cannot read FCGI_DATA: it ended after 4 of its 9 bytes",
  ]);
});

serveTest("info.data is null for a Responder", {
  fetch: (_, info) => Response.json([info.data, info.dataLength ?? null, info.dataLastModified ?? null]),
}, async ({ ask }) => {
  assertEquals((await ask()).text, "[null,null,null]");
});
