import { LimitError, ProtocolError } from "../../src/errors.ts";
import { ResponseHeadReader } from "../../src/client/response_head_reader.ts";
import { cuts } from "../protocol/cuts.ts";
import { Random } from "../protocol/random.ts";
import { assert, assertEquals } from "../std/assert.ts";
import { concat, latin1Bytes } from "../helpers/bytes.ts";

const MAX_HEAD_BYTES = 120;
const lines = [
  ...["Content-Type: text/html", "Status: 404 Not here", "Status: 299", "Location: /x", "Set-Cookie: a=1", "X:"],
  ...["Content-Length: 5", "Content-Length: 6", "Connection: close", " folded", "no colon", "A b: c", "Status: 20"],
  "X-Long: " + "x".repeat(50),
];

/** Bytes near to a response: a head of a few lines, a body, and now and then a byte that is wrong. */
function nearResponse(random: Random): Uint8Array {
  const head = Array.from({ length: random.below(5) }, () => random.pick(lines) + random.pick(["\n", "\r\n"]));
  const bytes = latin1Bytes(head.join("") + random.pick(["\n", "\r\n", ""]) + random.latin1(random.below(20)));
  if (bytes.length > 0 && random.once(3)) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

/** What comes of the chunks: the head and what follows it, that more is wanted, or why not. */
function read(chunks: readonly Uint8Array[]): string {
  const reader = new ResponseHeadReader(MAX_HEAD_BYTES);
  try {
    for (const [at, chunk] of chunks.entries()) {
      const whole = reader.push(chunk);
      assert(reader.length <= MAX_HEAD_BYTES);
      if (whole) return JSON.stringify([whole.head, concat([chunk.slice(whole.bodyAt), ...chunks.slice(at + 1)])]);
      chunk.fill(0xaa);
    }
  } catch (error) {
    assert(error instanceof ProtocolError || error instanceof LimitError, String(error));
    return String(error);
  }
  return "more is wanted";
}

Deno.test("ResponseHeadReader gives the same head, or the same error within its limit, however the bytes come", () => {
  const outcomes = { head: 0, more: 0, error: 0 };
  for (let seed = 1; seed <= 1000; seed++) {
    const bytes = nearResponse(new Random(seed));
    const whole = read([bytes.slice()]);
    outcomes[whole.startsWith("[") ? "head" : whole.startsWith("more") ? "more" : "error"]++;
    for (const { name, chunks } of cuts) assertEquals(read(chunks(bytes)), whole, `seed ${seed}, ${name}`);
  }
  const few = Object.entries(outcomes).filter(([, count]) => count < 100);
  assertEquals(few, [], "all kinds of outcomes come");
});
