/** Records as they came, by the library's own parser; `vectors/wire.ts` writes them without it. */

import { RecordParser } from "@webfcgi/webfcgi/codec";
import { latin1Text } from "./bytes.ts";

/** A record as it came. */
export interface SeenRecord {
  readonly type: number;
  readonly requestId: number;
  readonly content: string;
}

/** Makes a parser that adds what it is given to `records`; `contentOf` says what is kept of a piece of content. */
export function recordCollector(
  records: SeenRecord[],
  contentOf: (content: Uint8Array) => string = latin1Text,
): RecordParser {
  let record = { type: 0, requestId: 0, content: "" };
  return new RecordParser({
    recordStart: (type, requestId) => void (record = { type, requestId, content: "" }),
    recordContent: (content) => void (record.content += contentOf(content)),
    recordEnd: () => void records.push(record),
  });
}

/** Takes bytes apart into records. */
export function recordsOf(bytes: Uint8Array): SeenRecord[] {
  const records: SeenRecord[] = [];
  const parser = recordCollector(records);
  parser.push(bytes);
  if (!parser.atBoundary) throw new Error("the bytes end amid a record");
  return records;
}
