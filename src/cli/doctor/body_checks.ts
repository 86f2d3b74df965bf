/** What passes of bodies and long heads, and when. */

import { isMarked, type Patient, type Result, RIGHT, seenIn, unseen } from "./finding.ts";
import { type Answer, filler, Unreachable } from "./http.ts";

const KIB = 1024;
const MIB = KIB * KIB;

/** Asks, for checks in which a connection that breaks is an answer too. */
async function tried(asking: Promise<Answer>): Promise<Answer | string> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Unreachable) return `the connection broke: ${error.message}`;
    throw error;
  }
}

function statusText(answer: Answer | string): string {
  return typeof answer === "string" ? answer : `status ${answer.status}`;
}

function bytesText(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB} MiB` : `${Math.round(bytes / KIB)} KiB`;
}

/** An upload passes. */
export async function upload(patient: Patient): Promise<Result> {
  const wanted = patient.order.upload ?? 2 * MIB;
  let failed = "";
  let size = wanted;
  for (; size >= 32 * KIB; size = Math.ceil(size / 2)) {
    const answer = await tried(patient.ask("/", "see", { method: "POST", body: filler(size), timeoutMs: 60_000 }));
    const seen = typeof answer === "string" ? undefined : seenIn(answer);
    if (seen?.bodyBytes === size) break;
    failed ||= seen === undefined ? statusText(answer) : `${seen.bodyBytes} bytes arrive`;
  }
  if (failed === "") return RIGHT;
  const passes = size < 32 * KIB ? "nor does less" : `${bytesText(size)} passes`;
  const level = patient.order.upload === undefined ? "consider" : "wrong";
  const saw = `an upload of ${bytesText(wanted)} does not pass (${failed}); ${passes}`;
  return { level, saw, ...patient.mend("upload", { upload: wanted }) };
}

/** An upload without a length passes. */
export async function chunkedUpload(patient: Patient): Promise<Result> {
  const body = [1, 2, 3, 4].map(() => filler(20_000));
  const answer = await tried(patient.ask("/", "see", { method: "POST", body }));
  const seen = typeof answer === "string" ? undefined : seenIn(answer);
  if (seen?.bodyBytes === 80_000) return RIGHT;
  const what = seen === undefined ? statusText(answer) : `${seen.bodyBytes} of 80,000 bytes arrive`;
  const { lines, remedy = "Send uploads with their length" } = patient.mend("chunked-upload");
  return { level: lines.length > 0 ? "consider" : "note", saw: `an upload without a length: ${what}`, lines, remedy };
}

/** Long request headers pass. */
export async function requestHead(patient: Patient): Promise<Result> {
  for (const size of [7 * KIB, 12 * KIB]) {
    const answer = await tried(patient.ask("/", "see", { headers: { "X-Long": "x".repeat(size) } }));
    if (typeof answer !== "string" && isMarked(answer)) continue;
    const saw = `a request header of ${bytesText(size)}: ${statusText(answer)}`;
    return { level: size < 8 * KIB ? "consider" : "note", saw, ...patient.mend("request-head") };
  }
  return RIGHT;
}

/** Long response headers pass. */
export async function responseHead(patient: Patient): Promise<Result> {
  for (const size of [3 * KIB, 6 * KIB, 12 * KIB, 30 * KIB]) {
    const answer = await tried(patient.ask("/", `head ${size}`));
    if (typeof answer !== "string" && answer.headers.get("x-long")?.length === size) continue;
    const saw = `a response header of ${bytesText(size)}: ${statusText(answer)}`;
    const mending = patient.mend("response-head");
    const isMendable = size < 8 * KIB && mending.lines.length > 0;
    return { level: isMendable ? "consider" : "note", saw, ...mending };
  }
  return RIGHT;
}

/** How a slow stream arrives: all at once, in lumps, or as it is written. */
async function arrival(patient: Patient, probe: string): Promise<"at once" | "in lumps" | "in time"> {
  // A busy machine makes lumps too.
  for (let attempt = 1;; attempt++) {
    const { arrivals } = await patient.ask("/", probe);
    if ((arrivals[1] ?? 0) < 200) return "at once";
    if (arrivals.length > 3) return "in time";
    if (attempt === 3) return "in lumps";
  }
}

/** Server-sent events leave as they are written. */
export async function events(patient: Patient): Promise<Result> {
  const how = await arrival(patient, "events");
  if (how === "in time") return RIGHT;
  const saw = how === "at once" ? "events arrive all at once, at the end" : "events arrive in lumps";
  return { level: how === "at once" ? "wrong" : "consider", saw, ...patient.mend("events") };
}

/** Other streams leave as they are written. */
export async function stream(patient: Patient): Promise<Result> {
  const how = await arrival(patient, "stream");
  if (how === "in time") return RIGHT;
  return { level: "note", saw: `a stream that is no events arrives ${how}`, ...patient.mend("stream") };
}

/** The application's own error pages are shown. */
export async function errorPages(patient: Patient): Promise<Result> {
  const replaced: number[] = [];
  for (const status of [404, 500, 503]) {
    const answer = await patient.ask("/", `status ${status}`);
    if (answer.status !== status || answer.body !== "webfcgi doctor's own page") replaced.push(status);
  }
  if (replaced.length === 0) return RIGHT;
  const remedy = "Look for fastcgi_intercept_errors (nginx), ProxyErrorOverride (Apache), handle_errors (Caddy)";
  return { level: "note", saw: `the web server replaces the pages of ${replaced.join(", ")}`, lines: [], remedy };
}

/** A response that breaks off is seen as broken. */
export async function broken(patient: Patient): Promise<Result> {
  const answer = await tried(patient.ask("/", "broken"));
  if (typeof answer === "string" || !answer.whole || answer.status >= 500) return RIGHT;
  const remedy = "Send a Content-Length where that matters";
  return { level: "note", saw: "a response that breaks off looks whole", lines: [], remedy };
}

/** Connections to the application are used again. */
export async function kept(patient: Patient): Promise<Result> {
  const requests = 6;
  const first = await patient.see("/");
  if (first === undefined || first.accepted === null) {
    return unseen("connections are counted only where doctor itself listens");
  }
  for (let count = 1; count < requests; count++) await patient.see("/");
  const last = await patient.see("/");
  if (last === undefined || last.accepted === null || last.accepted - first.accepted < requests) return RIGHT;
  const mending = patient.mend("kept");
  return { level: mending.lines.length > 0 ? "consider" : "note", saw: "a connection for each request", ...mending };
}

/** The application learns that a client has left. */
export async function gone(patient: Patient): Promise<Result> {
  const id = crypto.randomUUID();
  await tried(patient.ask("/", `wait ${id}`, { leaveAfterMs: 300 }));
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const answer = await patient.ask("/", `left ${id}`);
  if (answer.body === "true") return RIGHT;
  if (answer.body !== "false") return unseen("another process was asked");
  const remedy = "Write a comment (`: \\n\\n`) into streams of events now and then";
  return { level: "note", saw: "that a client has left is noticed only at the next write", lines: [], remedy };
}

/** A response may take its time. */
export async function slow(patient: Patient): Promise<Result> {
  const { slowMs } = patient.order;
  if (slowMs === undefined) return RIGHT;
  const startMs = performance.now();
  const answer = await tried(patient.ask("/", `silence ${slowMs}`, { timeoutMs: slowMs + 10_000 }));
  if (typeof answer !== "string" && isMarked(answer)) return RIGHT;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const saw = `after ${seconds} s of silence: ${statusText(answer)}`;
  return { level: "consider", saw, ...patient.mend("slow", { timeoutSeconds: Math.ceil(slowMs / 1000) + 5 }) };
}
