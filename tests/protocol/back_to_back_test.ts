import { assert, assertEquals } from "../std/assert.ts";
import { ApplicationConnection } from "../../src/protocol/application_connection.ts";
import { decodePairs } from "../../src/protocol/name_value.ts";
import type { RecordOutput } from "../../src/protocol/record_writer.ts";
import { WebServerConnection } from "../../src/protocol/web_server_connection.ts";
import { flowOptions } from "../vectors/flows.ts";
import { Random } from "./random.ts";
import { concat, latin1Bytes, latin1Text } from "../helpers/bytes.ts";

/** One request: what each side is to send, and what each side has got. */
interface Dialogue {
  readonly requestId: number;
  readonly role: number;
  readonly pairs: readonly string[];
  readonly stdin: string;
  readonly data: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly appStatus: number;
  readonly got: {
    role: number;
    pairs: readonly string[];
    stdin: string;
    data: string;
    stdout: string;
    stderr: string;
    /** Which streams have ended, in order. */
    ends: string[];
    appStatus: number;
  };
}

/** Bytes on their way from a writer to its peer, which gets them in pieces of any length. */
class Wire {
  #bytes: Uint8Array = new Uint8Array(0);

  get empty(): boolean {
    return this.#bytes.length === 0;
  }

  carry(writer: RecordOutput, receive: (chunk: Uint8Array) => void, random: Random): void {
    if (!writer.empty) this.#bytes = concat([this.#bytes, ...writer.take()]);
    const chunk = this.#bytes.slice(0, random.below(random.pick([3, 40, 5000, 100_000])));
    this.#bytes = this.#bytes.subarray(chunk.length);
    receive(chunk);
    chunk.fill(0xaa);
  }
}

function newDialogue(requestId: number, random: Random): Dialogue {
  const role = random.pick([1, 1, 2, 3]);
  return {
    requestId,
    role,
    pairs: Array.from({ length: 2 * random.below(10) }, () => random.latin1(random.below(300))),
    stdin: role === 2 ? "" : random.latin1(random.length()),
    data: role === 3 ? random.latin1(random.length()) : "",
    stdout: random.latin1(random.length()),
    stderr: random.latin1(random.below(100)),
    appStatus: random.below(2 ** 32),
    got: { role: 0, pairs: [], stdin: "", data: "", stdout: "", stderr: "", ends: [], appStatus: -1 },
  };
}

/** Sends a text as parts of random lengths, then its end, then runs `done`; one part at each call. */
function sender(content: string, send: (part: Uint8Array) => void, done: () => void, random: Random): () => boolean {
  let at = 0;
  return () => {
    if (at < content.length) {
      const part = content.slice(at, at += 1 + random.below(random.pick([5, 500, 150_000])));
      send(latin1Bytes(part));
      return true;
    }
    done();
    return false;
  };
}

/** Talks through `count` requests on one connection, everything that can happen at a time in random order. */
function talk(random: Random, count: number): Dialogue[] {
  const dialogues: Dialogue[] = [];
  const active = new Map<number, Dialogue>();
  /** What either side has yet to do; each runs until it returns `false`. */
  const tasks = new Set<() => boolean>();

  const application = new ApplicationConnection<Dialogue>({
    onRequest(requestId, role, params) {
      const dialogue = active.get(requestId)!;
      dialogue.got.role = role;
      dialogue.got.pairs = decodePairs(params);
      if (role === 2) answer(dialogue);
      return dialogue;
    },
    onParamsTooLarge() {
      throw new Error("no PARAMS are too large");
    },
    onStdin: ({ got }, content) => void (got.stdin += latin1Text(content)),
    onStdinEnd(dialogue) {
      dialogue.got.ends.push("stdin");
      if (dialogue.role === 1) answer(dialogue);
    },
    onData: ({ got }, content) => void (got.data += latin1Text(content)),
    onDataEnd(dialogue) {
      dialogue.got.ends.push("data");
      answer(dialogue);
    },
    onAbort: () => assert(false),
  }, { ...flowOptions, maxUnfinished: 100 });

  const webServer = new WebServerConnection({
    onStdout: (requestId, content) => void (active.get(requestId)!.got.stdout += latin1Text(content)),
    onStderr: (requestId, content) => void (active.get(requestId)!.got.stderr += latin1Text(content)),
    onEnd(requestId, { appStatus, protocolStatus }) {
      const { got } = active.get(requestId)!;
      assertEquals(protocolStatus, 0);
      got.appStatus = appStatus;
      got.ends.push("end");
      active.delete(requestId);
    },
    onValues: (pairs) => assertEquals(pairs, ["FCGI_MAX_REQS", "500"]),
    onUnknownType: () => assert(false),
  });

  function answer({ requestId, stdout, stderr, appStatus }: Dialogue): void {
    const log = sender(stderr, (part) => application.stderr(requestId, part), () => {
      application.end(requestId, appStatus);
    }, random);
    tasks.add(sender(stdout, (part) => application.stdout(requestId, part), () => void tasks.add(log), random));
  }

  function begin(): void {
    const requestId = 1 + random.below(6);
    if (active.has(requestId)) return;
    const dialogue = newDialogue(requestId, random);
    dialogues.push(dialogue);
    active.set(requestId, dialogue);
    webServer.begin(requestId, dialogue.role, true);
    const file = sender(
      dialogue.data,
      (part) => webServer.data(requestId, part),
      () => webServer.dataEnd(requestId),
      random,
    );
    const body = sender(dialogue.stdin, (part) => webServer.stdin(requestId, part), () => {
      webServer.stdinEnd(requestId);
      if (dialogue.role === 3) tasks.add(file);
    }, random);
    tasks.add(() => {
      webServer.params(requestId, dialogue.pairs);
      if (dialogue.role !== 2) tasks.add(body);
      return false;
    });
  }

  const toApplication = new Wire();
  const toWebServer = new Wire();
  for (let step = 0; step < 100_000; step++) {
    const choice = random.below(4);
    if (choice === 0 && dialogues.length < count) begin();
    else if (choice === 1 && random.once(20)) webServer.getValues(["FCGI_MAX_REQS"]);
    else if (choice === 2) toApplication.carry(webServer.writer, (chunk) => application.receive(chunk), random);
    else if (choice === 3) toWebServer.carry(application.writer, (chunk) => webServer.receive(chunk), random);
    else if (tasks.size > 0) {
      const task = random.pick([...tasks]);
      tasks.delete(task);
      if (task()) tasks.add(task);
    }
    const done = dialogues.length === count && active.size === 0 && tasks.size === 0 && toApplication.empty &&
      toWebServer.empty && webServer.writer.empty && application.writer.empty;
    if (!done) continue;
    assertEquals([application.idle, webServer.idle, application.finished], [true, true, false]);
    return dialogues;
  }
  throw new Error(`${active.size} of ${dialogues.length} requests have not ended`);
}

Deno.test("ApplicationConnection and WebServerConnection deliver the same contents whatever the interleaving", () => {
  for (let seed = 1; seed <= 25; seed++) {
    for (const { got: { ends, ...contents }, requestId, ...sent } of talk(new Random(seed), 12)) {
      assertEquals(contents, sent, `seed ${seed}, id ${requestId}`);
      assertEquals(ends, { 1: ["stdin", "end"], 2: ["end"], 3: ["stdin", "data", "end"] }[sent.role]);
    }
  }
});
