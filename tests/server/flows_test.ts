import { type FastCgiError, type FastCgiErrorCode, FastResponse, ProtocolError } from "@webfcgi/webfcgi";
import { FCGI_BEGIN_REQUEST, FCGI_END_REQUEST } from "@webfcgi/webfcgi/codec";
import { assertEquals, assertInstanceOf } from "../std/assert.ts";
import { type Flow, flowInput, flowOptions, flowOutput, flows } from "../vectors/flows.ts";
import { inScene } from "./scene.ts";
import { concat, recordsOf, type SeenRecord } from "./web_server.ts";

/** What of an application's records does not depend on its handlers: answers to management records, and refusals. */
function ownRecords(bytes: Uint8Array): SeenRecord[] {
  return recordsOf(bytes).filter(({ type, requestId, content }) => {
    return requestId === 0 || type === FCGI_END_REQUEST && content.charCodeAt(4) !== 0;
  });
}

/** Whether a server, whose handlers take their time, can have this conversation as it stands. */
function isForServers({ input, options }: Flow): boolean {
  const begun = input.filter(({ type }) => type === FCGI_BEGIN_REQUEST);
  return options?.maxUnfinished === undefined && new Set(begun.map((record) => record.requestId)).size === begun.length;
}

/** Why the connection is given up: for a server, parameters that cannot be read are a reason. */
function errorCode({ error, events }: Flow): FastCgiErrorCode | undefined {
  const [problem] = events.flatMap(([, , , it]) => typeof it === "object" ? [it.code] : []);
  return error?.code ?? problem;
}

/** The input whole, byte by byte, and in pieces of all lengths up to 40 bytes. */
function* cuts(input: Uint8Array): Generator<[how: string, pieces: Uint8Array[]]> {
  yield ["whole", [input]];
  const pieces: Uint8Array[] = [];
  for (let at = 0, length = 1; at < input.length; at += length, length = length * 7 % 41) {
    pieces.push(input.slice(at, at + length));
  }
  yield ["in pieces", pieces];
  if (input.length < 2000) yield ["byte by byte", Array.from(input, (byte) => new Uint8Array([byte]))];
}

for (const flow of flows) {
  Deno.test({
    name: `serve holds its side of the flow "${flow.name}"`,
    ignore: !isForServers(flow),
    async fn() {
      const code = errorCode(flow);
      const { roles, capabilities, maxParamsBytes } = { ...flowOptions, ...flow.options };
      // Where the flow has no answer there shall be none.
      const play = flow.answers === undefined
        ? (request: Request): Promise<Response> =>
          new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)))
        : (): Response => new FastResponse("hello");
      const [fetch, authorizer, filter] = [1, 2, 3].map((role) => roles.includes(role) ? play : undefined);
      const handlers = Object.fromEntries(
        Object.entries({ fetch, authorizer, filter }).filter(([, handler]) => handler !== undefined),
      );
      await inScene({ ...capabilities, ...handlers, maxParamsBytes }, async ({ connect, errors, server }) => {
        for (const [how, pieces] of cuts(flowInput(flow))) {
          const web = await connect({ raw: true });
          for (const piece of pieces) await web.send(piece);
          if (code === undefined) web.halfClose();
          await web.untilEnded();
          const told = errors.splice(0) as FastCgiError[];
          assertEquals(told.map(({ code }) => code), code === undefined ? [] : [code], how);
          for (const error of told) assertInstanceOf(error, ProtocolError);
          if (code === undefined) assertEquals(ownRecords(concat(web.chunks)), ownRecords(flowOutput(flow)), how);
          await web.close();
          assertEquals(server.stats().activeRequests, 0, how);
        }
      });
    },
  });
}
