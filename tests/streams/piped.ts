/** Sends chunks through a transform stream; gives back what comes out, and the error that ends it. */

import { assertEquals } from "../std/assert.ts";

/** What came out of a stream. */
export interface Piped<Out> {
  readonly out: Out[];
  readonly error: unknown;
}

/** Writes `chunks` to `stream` and reads it to its end; fails if the two sides do not agree on an error. */
export async function piped<In, Out>(stream: TransformStream<In, Out>, chunks: readonly In[]): Promise<Piped<Out>> {
  const [written, read] = await Promise.all([writeAll(stream, chunks), readAll(stream)]);
  assertEquals(written, read.error);
  return read;
}

async function writeAll<In, Out>(stream: TransformStream<In, Out>, chunks: readonly In[]): Promise<unknown> {
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {});
  try {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function readAll<In, Out>(stream: TransformStream<In, Out>): Promise<Piped<Out>> {
  const out: Out[] = [];
  const reader = stream.readable.getReader();
  reader.closed.catch(() => {});
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) out.push(read.value);
  } catch (error) {
    return { out, error };
  }
  return { out, error: undefined };
}
