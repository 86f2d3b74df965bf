/**
 * What answers doctor in an application's stead: a handler that tells what has arrived, and answers in the ways that web
 * servers get wrong. Whoever does not know the token gets the application.
 */

import type { Handler, HandlerInfo } from "../../server/handler.ts";

/** The request header that asks the probe, and the response header that tells that it has answered. */
export const DOCTOR_HEADER = "X-Webfcgi-Doctor";
/** How long a probe beside an application answers, in milliseconds. */
export const PROBE_MS = 600_000;

/** What the probe has seen of a request. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly requestUri: string;
  readonly scriptName: string;
  readonly remoteAddr: string;
  readonly authorization: string;
  readonly forwardedFor: string;
  readonly serverSoftware: string;
  readonly scriptFilename: string;
  readonly bodyBytes: number;
  /** Connections that have been accepted so far, where that is known. */
  readonly accepted: number | null;
}

/** What a probe knows besides its token. */
export interface ProbeOptions {
  /** Answers whoever has no token. */
  readonly application?: Handler;
  /** How many connections have been accepted. */
  readonly accepted?: () => number;
}

const EVENTS = 6;
const FIRST_PAUSE_MS = 700;
const PAUSE_MS = 60;

/** Makes a token that nobody guesses. */
export function makeToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Makes the probe. In the header stand the token, what is asked, and what belongs to that, with spaces between. */
export function createProbe(token: string, { application, accepted }: ProbeOptions = {}): Handler {
  const left = new Map<string, boolean>();
  const visited = new Map<string, string[]>();
  const answers: Readonly<Record<string, Answerer>> = {
    see: async (request, info) => Response.json(await see(request, info, accepted?.() ?? null)),
    head: (_, __, size) => new Response("ok", { headers: { "X-Long": "x".repeat(Number(size)) } }),
    events: () => new Response(slowly(), { headers: { "Content-Type": "text/event-stream" } }),
    stream: () => new Response(slowly(), { headers: { "Content-Type": "text/plain" } }),
    status: (_, __, status) => new Response("webfcgi doctor's own page", { status: Number(status) }),
    broken: () => new Response(broken()),
    silence: (_, __, ms) => pause(Number(ms)).then(() => new Response("ok")),
    wait: (request, _, id) => waitFor(request, id, left),
    left: (_, __, id) => Response.json(left.get(id) ?? null),
    visit: (request, _, id) => {
      visited.set(id, [...visited.get(id) ?? [], new URL(request.url).pathname]);
      return new Response("ok");
    },
    visited: (_, __, id) => Response.json(visited.get(id) ?? []),
  };
  return async (request, info) => {
    const [given = "", name = "", detail = ""] = (request.headers.get(DOCTOR_HEADER) ?? "").split(" ");
    const answer = isSame(given, token) && Object.hasOwn(answers, name) ? answers[name] : undefined;
    if (answer === undefined) return application?.(request, info) ?? noApplication();
    const response = await answer(request, info, detail);
    response.headers.set(DOCTOR_HEADER, "yes");
    return response;
  };
}

/** A probe beside an application, for ten minutes. */
export function withDoctor(application: Handler, token: string): Handler {
  const probe = createProbe(token, { application });
  const endMs = performance.now() + PROBE_MS;
  return (request, info) => (performance.now() < endMs ? probe : application)(request, info);
}

type Answerer = (request: Request, info: HandlerInfo, detail: string) => Response | Promise<Response>;

async function see(request: Request, info: HandlerInfo, accepted: number | null): Promise<Seen> {
  const body = request.body?.getReader();
  let bodyBytes = 0;
  for (let read = await body?.read(); read?.done === false; read = await body?.read()) bodyBytes += read.value.length;
  return {
    method: request.method,
    url: request.url,
    requestUri: info.requestUri,
    scriptName: info.scriptName,
    remoteAddr: "hostname" in info.remoteAddr ? info.remoteAddr.hostname : "",
    authorization: request.headers.get("authorization") ?? "",
    forwardedFor: request.headers.get("x-forwarded-for") ?? "",
    serverSoftware: info.params.get("SERVER_SOFTWARE") ?? "",
    scriptFilename: info.params.get("SCRIPT_FILENAME") ?? "",
    bodyBytes,
    accepted,
  };
}

function noApplication(): Response {
  return new Response("webfcgi doctor listens here for a moment; the application is stopped.\n", {
    status: 503,
    headers: { "Retry-After": "10" },
  });
}

/** Events of which the second comes late, and the others soon one after the other. */
function slowly(): ReadableStream<Uint8Array> {
  const utf8 = new TextEncoder();
  let count = 0;
  return new ReadableStream({
    async pull(controller): Promise<void> {
      if (count > 0) await pause(count === 1 ? FIRST_PAUSE_MS : PAUSE_MS);
      controller.enqueue(utf8.encode(`data: ${count}\n\n`));
      if (++count === EVENTS) controller.close();
    },
  }, { highWaterMark: 0 });
}

/** Content that breaks off, of no known length. */
function broken(): ReadableStream<Uint8Array> {
  let begun = false;
  return new ReadableStream({
    async pull(controller): Promise<void> {
      if (begun) {
        await pause(PAUSE_MS);
        return controller.error(new Error("webfcgi doctor breaks this response off"));
      }
      begun = true;
      controller.enqueue(new TextEncoder().encode("the first half"));
    },
  }, { highWaterMark: 0 });
}

/** Answers nothing for a while; notes whether the client was seen to leave meanwhile. */
async function waitFor(request: Request, id: string, left: Map<string, boolean>): Promise<Response> {
  left.set(id, false);
  request.signal.addEventListener("abort", () => left.set(id, true));
  await pause(2000);
  return new Response("ok");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Compares in a time that does not tell where two texts differ. */
function isSame(given: string, token: string): boolean {
  let difference = given.length ^ token.length;
  for (let at = 0; at < token.length; at++) {
    difference |= given.charCodeAt(at % (given.length || 1)) ^ token.charCodeAt(at);
  }
  return difference === 0;
}
