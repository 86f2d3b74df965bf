import { type FastCgiError, type FastCgiErrorCode, FastResponse, ProtocolError } from "@webfcgi/webfcgi";
import { FCGI_BEGIN_REQUEST, FCGI_END_REQUEST } from "@webfcgi/webfcgi/codec";
import { assertEquals, assertInstanceOf } from "../std/assert.ts";
import { type Flow, flowInput, flowOptions, flowOutput, flows } from "../vectors/flows.ts";
import type { WireRecord } from "../vectors/wire.ts";
import { inScene } from "./scene.ts";
import type { WebServer } from "./web_server.ts";
import { concat } from "../helpers/bytes.ts";
import { recordsOf, type SeenRecord } from "../helpers/records.ts";

/** What of an application's records does not depend on its handlers: answers to management records, and refusals. */
function ownRecords(bytes: Uint8Array): SeenRecord[] {
  return recordsOf(bytes).filter(({ type, requestId, content }) => {
    return requestId === 0 || type === FCGI_END_REQUEST && content.charCodeAt(4) !== 0;
  });
}

/** The input in parts, before each of which the id that it begins with must be free again. */
function partsOf(flow: Flow): (readonly WireRecord[])[] {
  const begun = new Set<number>();
  const parts: WireRecord[][] = [[]];
  for (const record of flow.input) {
    if (record.type === FCGI_BEGIN_REQUEST) {
      if (begun.has(record.requestId) && errorCode(flow) === undefined) parts.push([]);
      begun.add(record.requestId);
    }
    parts.at(-1)?.push(record);
  }
  return parts;
}

/** How often the request has ended. */
function endsOf(web: WebServer, requestId: number | undefined): number {
  try {
    return recordsOf(concat(web.chunks)).filter((it) => it.type === FCGI_END_REQUEST && it.requestId === requestId)
      .length;
  } catch {
    // A record is under way.
    return 0;
  }
}

/** Why the connection is given up: for a server, parameters that cannot be read are a reason. */
function errorCode({ error, events }: Flow): FastCgiErrorCode | undefined {
  const [problem] = events.flatMap(([, , , it]) => typeof it === "object" ? [it.code] : []);
  return error?.code ?? problem;
}

/** The ways in which the input is cut. */
const cuts: readonly ((input: Uint8Array) => Uint8Array[])[] = [
  function whole(input) {
    return [input];
  },
  function inPieces(input) {
    const pieces: Uint8Array[] = [];
    for (let at = 0, length = 1; at < input.length; at += length, length = length * 7 % 41) {
      pieces.push(input.slice(at, at + length));
    }
    return pieces;
  },
  function byteByByte(input) {
    return input.length < 2000 ? Array.from(input, (byte) => new Uint8Array([byte])) : [input];
  },
];

for (const flow of flows) {
  Deno.test({
    name: `serve holds its side of the flow "${flow.name}"`,
    // A server always multiplexes, has a fixed number of unfinished requests, and recognises HTTP.
    ignore: flow.options?.capabilities?.multiplex === false || flow.options?.maxUnfinished !== undefined ||
      flow.name.includes("unfinished") || flow.name.includes("HTTP"),
    async fn() {
      const code = errorCode(flow);
      const { roles, capabilities, maxParamsBytes } = { ...flowOptions, ...flow.options };
      const { maxConnections, maxRequests } = capabilities;
      // Where the flow has no answer there shall be none.
      const play = flow.answers === undefined
        ? (request: Request): Promise<Response> =>
          new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)))
        : (): Response => new FastResponse("hello");
      const [fetch, authorizer, filter] = [1, 2, 3].map((role) => roles.includes(role) ? play : undefined);
      const handlers = Object.fromEntries(
        Object.entries({ fetch, authorizer, filter }).filter(([, handler]) => handler !== undefined),
      );
      await inScene(
        { maxConnections, maxRequests, maxParamsBytes, ...handlers },
        async ({ connect, errors, server }) => {
          for (const cut of cuts) {
            const web = await connect({ raw: true });
            const ended = new Map<number | undefined, number>();
            for (const part of partsOf(flow)) {
              const id = part[0]?.requestId;
              const before = ended.get(id) ?? 0;
              if (ended.size > 0) await web.until(() => endsOf(web, id) > before, "END_REQUEST");
              ended.set(id, endsOf(web, id));
              for (const piece of cut(flowInput({ ...flow, input: part }))) await web.send(piece);
            }
            const how = cut.name;
            if (code === undefined) web.halfClose();
            await web.untilEnded();
            const told = errors.splice(0) as FastCgiError[];
            assertEquals(told.map(({ code }) => code), code === undefined ? [] : [code], how);
            for (const error of told) assertInstanceOf(error, ProtocolError);
            if (code === undefined) assertEquals(ownRecords(concat(web.chunks)), ownRecords(flowOutput(flow)), how);
            await web.close();
            assertEquals(server.stats().activeRequests, 0, how);
          }
        },
      );
    },
  });
}
