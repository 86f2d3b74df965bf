import { assert, assertEquals } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import { ApplicationConnection } from "../../src/protocol/application_connection.ts";
import type { ApplicationEvents } from "../../src/protocol/application_events.ts";
import { WebServerConnection } from "../../src/protocol/web_server_connection.ts";
import type { WebServerEvents } from "../../src/protocol/web_server_events.ts";
import { flowInput, flowOptions, flowOutput, flows } from "../vectors/flows.ts";
import { bytesOf, concat, record, text } from "../vectors/wire.ts";
import { cutAtRandom } from "./cuts.ts";
import { Random } from "./random.ts";

/** Bytes that come near to being records: some that are, some bent, some of other flows, some without any sense. */
function nearRecords(random: Random, types: readonly number[], whole: readonly Uint8Array[]): Uint8Array {
  const parts = Array.from({ length: 1 + random.below(12) }, () => {
    if (random.once(6)) return random.pick(whole).slice();
    if (random.once(60)) return random.bytes(random.below(40));
    const type = random.once(8) ? random.below(256) : random.pick(types);
    const discrete = type === 1 || type === 3 || type === 11;
    const content = random.latin1(discrete && !random.once(20) ? 8 : random.once(2) ? 0 : random.below(200));
    const bytes = bytesOf([record(type, random.below(4), content, random.once(2) ? 0 : random.below(256))]);
    if (discrete && bytes.length > 9) bytes.set([0, 1 + random.below(3)], 8);
    return bytes;
  });
  const bytes = concat(parts);
  if (random.once(3)) bytes[random.below(bytes.length)] = random.below(256);
  return random.once(3) ? bytes.slice(0, random.below(bytes.length + 1)) : bytes;
}

const small = (bytes: Uint8Array): boolean => bytes.length < 1000;

interface Outcome {
  readonly log: string[];
  readonly output: string;
  readonly error: string | undefined;
}

/** Receives chunks until one is refused; anything but a ProtocolError goes through. */
function receiveAll(receive: (chunk: Uint8Array) => void, chunks: readonly Uint8Array[]): string | undefined {
  try {
    for (const chunk of chunks) {
      receive(chunk);
      chunk.fill(0xaa);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return `${error.code}: ${error.message}`;
  }
  return undefined;
}

/** Adds content to the last entry if it is of the same stream, so that cuts cannot be seen. */
function addContent(log: string[], stream: string, content: Uint8Array): void {
  if (log.at(-1)?.startsWith(stream)) log.push(log.pop() + text(content));
  else log.push(stream + text(content));
}

/** An application that answers some requests at once, some at the end of STDIN and some never, held to its limits. */
function application(chunks: readonly Uint8Array[], received: number): Outcome {
  const log: string[] = [];
  const options = { ...flowOptions, maxParamsBytes: 150, maxUnfinished: 2 };
  const events: ApplicationEvents<number> = {
    onRequest(id, role, params) {
      assert(params.length <= options.maxParamsBytes);
      log.push(`request ${id} ${role} ${text(params)}`);
      if (params.length % 3 === 0) connection.end(id);
      return id;
    },
    onParamsTooLarge(id) {
      if (log.push(`too large ${id}`) % 2 === 0) connection.end(id);
      return id;
    },
    onStdin: (id, content) => addContent(log, `stdin ${id} `, content),
    onStdinEnd: (id) => log.push(`stdin-end ${id}`) % 2 === 0 && connection.end(id, 1),
    onData: (id, content) => addContent(log, `data ${id} `, content),
    onDataEnd: (id) => log.push(`data-end ${id}`),
    onAbort: (id) => log.push(`abort ${id}`) && connection.end(id),
  };
  const connection: ApplicationConnection<number> = new ApplicationConnection(events, options);
  const error = receiveAll((chunk) => {
    connection.receive(chunk);
    assert(
      connection.requests.unfinished <= options.maxUnfinished && connection.requests.unfinished <= connection.active,
    );
  }, chunks);
  const output = concat(connection.writer.take());
  assert(output.length <= 2 * received, `${output.length} bytes answer ${received}`);
  return { log, output: text(output), error };
}

function webServer(chunks: readonly Uint8Array[], received: number): Outcome {
  const log: string[] = [];
  const events: WebServerEvents = {
    onStdout: (id, content) => addContent(log, `stdout ${id} `, content),
    onStderr: (id, content) => addContent(log, `stderr ${id} `, content),
    onEnd: (id, { appStatus, protocolStatus }) => log.push(`end ${id} ${appStatus} ${protocolStatus}`),
    onValues: (pairs) => log.push(`values ${pairs}`),
    onUnknownType: (type) => log.push(`unknown type ${type}`),
  };
  const connection = new WebServerConnection(events);
  for (const id of [1, 2, 3]) connection.begin(id, 1, true);
  connection.writer.take();
  const error = receiveAll((chunk) => connection.receive(chunk), chunks);
  assert(connection.writer.empty && connection.active <= 3 && log.join("").length <= 10 * received + 10);
  return { log, output: "", error };
}

/** Has `play` read bytes near to records in several cuts; gives back how often it refused, and how often it did not. */
function compareCuts(
  play: (chunks: readonly Uint8Array[], received: number) => Outcome,
  types: readonly number[],
  whole: readonly Uint8Array[],
): { refused: number; accepted: number } {
  const counts = { refused: 0, accepted: 0 };
  for (let seed = 1; seed <= 1500; seed++) {
    const random = new Random(seed);
    const bytes = nearRecords(random, types, whole);
    const first = play([bytes.slice()], bytes.length);
    counts[first.error === undefined ? "accepted" : "refused"]++;
    assertEquals(play(Array.from(bytes, (byte) => Uint8Array.of(byte)), bytes.length), first, `seed ${seed}`);
    for (let round = 0; round < 3; round++) {
      assertEquals(play(cutAtRandom(bytes, random), bytes.length), first, `seed ${seed}`);
    }
  }
  return counts;
}

Deno.test("ApplicationConnection gives the same events or error within its limits when the bytes are random", () => {
  const { refused, accepted } = compareCuts(
    application,
    [1, 1, 2, 4, 4, 4, 5, 5, 8, 9],
    flows.map(flowInput).filter(small),
  );
  assert(refused > 200 && accepted > 200, `${refused} refused, ${accepted} accepted`);
});

Deno.test("WebServerConnection gives the same events or ProtocolError when the bytes are random", () => {
  const { refused, accepted } = compareCuts(
    webServer,
    [3, 6, 6, 6, 7, 10, 11],
    flows.map(flowOutput).filter((bytes) => small(bytes) && bytes.length > 0),
  );
  assert(refused > 200 && accepted > 200, `${refused} refused, ${accepted} accepted`);
});

Deno.test("ApplicationConnection refuses bytes without any sense", () => {
  const codes = new Set<string | undefined>();
  for (let seed = 1; seed <= 300; seed++) {
    const bytes = new Random(seed).bytes(8 + seed * 5);
    codes.add(application([bytes.slice()], bytes.length).error?.slice(0, 11));
  }
  assert(codes.has("BAD_VERSION"));
});
