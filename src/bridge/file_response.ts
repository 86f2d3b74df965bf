/** A file as the response to a GET or HEAD: the whole, a part, or the news that the client has it already. */

import type { Files, OpenFile } from "../runtime/files.ts";
import { type ByteRange, parseByteRange } from "./byte_range.ts";
import { mediaType } from "./media_type.ts";
import { plainResponse } from "./plain_response.ts";
import { checkPreconditions, rangeCounts } from "./preconditions.ts";

/** What is read of a file at a time, in bytes. One that has no more is read at once, and closed. */
const STEP = 65_536;

/** Makes the response. The file is closed when its body has been read, or is not wanted any more. */
export async function fileResponse(request: Request, files: Files, path: string): Promise<Response> {
  const file = await files.open(path);
  let isStreamed = false;
  try {
    const { size } = file;
    const nowMs = Date.now();
    // Never later than the response (RFC 9110 §8.8.2.1), whatever the file's date.
    const lastModifiedMs = Math.floor(Math.min(file.modifiedMs, nowMs) / 1000) * 1000;
    const etag = `"${Math.floor(file.modifiedMs).toString(36)}-${size.toString(36)}"`;
    const validators = { etag, lastModifiedMs };
    const headers: Record<string, string> = { etag, "last-modified": new Date(lastModifiedMs).toUTCString() };
    const verdict = checkPreconditions(request.headers, validators);
    if (verdict === "not modified") return new Response(null, { status: 304, headers });
    if (verdict === "failed") return plainResponse(412, headers);

    headers["accept-ranges"] = "bytes";
    const field = request.method === "GET" ? request.headers.get("range") : null;
    const asked = field !== null && rangeCounts(request.headers, validators, nowMs) && parseByteRange(field, size);
    if (asked === "none") return plainResponse(416, { ...headers, "content-range": `bytes */${size}` });
    const range: ByteRange = asked || { from: 0, to: size };
    if (asked) headers["content-range"] = `bytes ${asked.from}-${asked.to - 1}/${size}`;
    headers["content-type"] = mediaType(path);
    headers["content-length"] = String(range.to - range.from);
    const init = { status: asked ? 206 : 200, headers };
    if (request.method === "HEAD") return new Response(null, init);
    if (range.to - range.from <= STEP) return new Response(await readWhole(file, range), init);
    if (file.blob !== undefined) {
      // Else Bun adds the file's name.
      headers["content-disposition"] = "inline";
      return new Response(file.blob(range.from, range.to), init);
    }
    isStreamed = true;
    return new Response(stream(file, range), init);
  } finally {
    if (!isStreamed) await file.close();
  }
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
        controller.close();
        await file.close();
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

/** @throws {Error} If the file has lost what its length has promised: the client must not take a half for the whole. */
async function read(file: OpenFile, memory: Uint8Array, position: number): Promise<number> {
  const length = await file.read(memory, position);
  if (length === 0) throw new Error(`Cannot send file: it has become shorter than the ${file.size} bytes it had`);
  return length;
}
