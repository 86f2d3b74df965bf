/** A file as the response to a GET or HEAD: the whole, a part, or 304 if the client has it already. */

import type { OpenFile } from "../runtime/files.ts";
import { type ByteRange, parseByteRange } from "./byte_range.ts";
import { mediaType } from "./media_type.ts";
import { checkPreconditions, rangeCounts } from "./preconditions.ts";
import { statusResponse } from "./status_response.ts";

/** Bytes read of a file at a time. One that has no more is read at once, and closed. */
const STEP = 65_536;
/** How long the system's times must be past so that any later change has another one: Deno knows whole seconds. */
const SETTLED_MS = 2000;

/** Makes the response. The file is closed when the body has been read or cancelled, or there is none. */
export async function fileResponse(request: Request, file: OpenFile, nowMs: number): Promise<Response> {
  let isStreamed = false;
  try {
    if (request.method !== "GET" && request.method !== "HEAD") return statusResponse(405, { allow: "GET, HEAD" });
    const { size } = file;
    // Never later than the response (RFC 9110 §8.8.2.1), whatever the file's date.
    const lastModifiedMs = Math.floor(Math.min(file.modifiedMs, nowMs) / 1000) * 1000;
    const validators = { etag: entityTag(file, nowMs), lastModifiedMs };
    const headers: Record<string, string> = {
      etag: validators.etag,
      "last-modified": new Date(lastModifiedMs).toUTCString(),
    };
    const verdict = checkPreconditions(request.headers, validators);
    if (verdict === "not modified") return new Response(null, { status: 304, headers });
    if (verdict === "failed") return statusResponse(412, headers);

    headers["accept-ranges"] = "bytes";
    const field = request.method === "GET" ? request.headers.get("range") : null;
    const asked = field !== null && rangeCounts(request.headers, validators.etag) && parseByteRange(field, size);
    if (asked === "none") return statusResponse(416, { ...headers, "content-range": `bytes */${size}` });
    const range: ByteRange = asked || { from: 0, to: size };
    if (asked) headers["content-range"] = `bytes ${asked.from}-${asked.to - 1}/${size}`;
    headers["content-type"] = mediaType(file.path);
    headers["content-length"] = String(range.to - range.from);
    // Otherwise a browser may run an upload called x.txt as a script.
    headers["x-content-type-options"] = "nosniff";
    const init = { status: asked ? 206 : 200, headers };
    if (request.method === "HEAD") return new Response(null, init);
    if (range.to - range.from <= STEP) return new Response(await readWhole(file, range), init);
    isStreamed = true;
    return new Response(stream(file, range), init);
  } finally {
    if (!isStreamed) await file.close();
  }
}

/**
 * The entity tag of a file's state (RFC 9110 §8.8). Programs may set a file's date, but not when the system notes a
 * change; as long as a further change could be noted with the same time, the tag is a weak one.
 */
function entityTag({ size, modifiedMs, changedMs }: OpenFile, nowMs: number): string {
  // Not the inode, which would reveal more than is needed.
  const state = [changedMs * 1000, modifiedMs * 1000, size].map((it) => Math.floor(it).toString(36)).join("-");
  return nowMs - changedMs < SETTLED_MS ? `W/"${state}"` : `"${state}"`;
}

async function readWhole(file: OpenFile, { from, to }: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(to - from);
  for (let at = 0; at < bytes.length;) at += await read(file, bytes.subarray(at), from + at);
  return bytes;
}

function stream(file: OpenFile, { from, to }: ByteRange): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = from;
  return new ReadableStream({
    async pull(controller) {
      try {
        const memory = new Uint8Array(Math.min(STEP, to - at));
        const length = await read(file, memory, at);
        at += length;
        controller.enqueue(memory.subarray(0, length));
        if (at < to) return;
        await file.close();
        controller.close();
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

/** @throws {Error} If the file has become shorter: the client must not take a half for the whole. */
async function read(file: OpenFile, memory: Uint8Array, position: number): Promise<number> {
  const length = await file.read(memory, position);
  if (length === 0) throw new Error(`Cannot send file: it has become shorter than the ${file.size} bytes it had`);
  return length;
}
