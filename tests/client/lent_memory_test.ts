/** What a caller of `fetch` holds stays as it was while the sockets' memory is read into again. */

import type { Client } from "@webfcgi/webfcgi/client";
import { assertEquals, assertLess } from "../std/assert.ts";
import { bounded, sleep, until } from "../helpers/waiting.ts";
import { end, getValuesResult, stderr, stdout } from "../vectors/wire.ts";
import { answer, type AppConnection, inClientScene } from "./application.ts";

/** Sent in answer to what is small, over the memory of what was received before. */
const long = "#".repeat(30_000);

/**
 * Answers `/PATH/LETTER/PARTS/LENGTH` in PARTS of LENGTH times LETTER, taking turns with the others when all three have
 * come, and anything else at once.
 */
class LetterApplication {
  readonly #waiting: { readonly connection: AppConnection; readonly requestId: number; readonly path: string[] }[] = [];

  async serve(connection: AppConnection): Promise<void> {
    const answering: Promise<void>[] = [];
    for (let seen = 0; !connection.over; await sleep(1)) {
      for (; seen < connection.records.length; seen++) {
        const { type, requestId, content } = connection.records[seen]!;
        if (type === 9) connection.send(getValuesResult("FCGI_MPXS_CONNS", "1"));
        if (type === 5 && content === "") answering.push(this.#answer(connection, requestId));
      }
    }
    await Promise.all(answering);
  }

  async #answer(connection: AppConnection, requestId: number): Promise<void> {
    const path = connection.params(requestId).REQUEST_URI!.split("/").slice(2);
    if (path.length < 3) return connection.send(...answer(`X-Long: ${long}`, long, requestId));
    this.#waiting.push({ connection, requestId, path });
    if (this.#waiting.length === 3) await this.#answerAll();
  }

  async #answerAll(): Promise<void> {
    const asked = this.#waiting.splice(0);
    // Heads in parts, too.
    for (const part of [(letter: string) => `X-Letter: ${letter.repeat(9000)}`, () => "\r\n\r\n"]) {
      for (const { connection, requestId, path } of asked) connection.send(stdout(requestId, part(path[0]!)));
      await sleep(5);
    }
    for (let sent = 0; sent < Number(asked[0]!.path[1]); sent++) {
      for (const { connection, requestId, path: [letter, , length] } of asked) {
        connection.send(stdout(requestId, letter!.repeat(Number(length))), stderr(requestId, "?"));
      }
      if (sent % 10 === 0) await sleep(2);
    }
    for (const { connection, requestId } of asked) connection.send(stdout(requestId), end(requestId));
  }
}

/** Reads three long responses at once, and many others meanwhile, and looks at them when all have come. */
async function download(client: Client, parts: number, length: number): Promise<void> {
  let going = 3;
  const downloads = [..."abc"].map(async (letter) => {
    const response = await client.fetch(`/long/${letter}/${parts}/${length}`);
    const chunks: Uint8Array[] = [];
    for (const reader = response.body!.getReader();;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
    going--;
    return { letter, head: response.headers.get("x-letter"), chunks };
  });
  const disturb = async (): Promise<void> => {
    const response = await client.fetch("/");
    assertEquals([response.headers.get("x-long"), await response.text()], [long, long]);
  };
  do await disturb(); while (going > 0);
  await disturb();
  for (const { letter, head, chunks } of await Promise.all(downloads)) {
    assertEquals(head, letter.repeat(9000));
    const lengths = chunks.map((chunk) => chunk.length);
    const strange = chunks.map((chunk) => chunk.findIndex((byte) => byte !== letter.charCodeAt(0)));
    assertEquals(strange.filter((at) => at >= 0), [], `what ${letter} has received`);
    for (const chunk of chunks) {
      // Transferring a chunk gives away all of its buffer. A record's head may be in it.
      const others = new Uint8Array(chunk.buffer).filter((byte) => byte !== letter.charCodeAt(0) && byte !== 0);
      assertLess(others.length, 9, `the buffer of a chunk of ${letter}`);
    }
    assertEquals(lengths.reduce((sum, one) => sum + one, 0), parts * length);
  }
}

for (const [parts, length] of [[20, 60_000], [60, 4000], [200, 1]] as const) {
  for (const multiplex of [false, true]) {
    const where = multiplex ? "requests share a connection" : "connections take turns";
    Deno.test(`fetch gives bodies in parts of ${length} bytes that last when ${where}`, async () => {
      const application = new LetterApplication();
      const options = { multiplex, keepAlive: multiplex };
      await inClientScene(options, (connection) => application.serve(connection), async ({ client, connections }) => {
        // After the first answer, and another to a question, the client knows what can be shared.
        await client.fetch("/");
        if (multiplex) {
          await until(
            () => connections.some(({ records, over }) => records[0]?.type === 9 && over),
            "the answer to be read",
          );
        }
        const before = connections.length;
        await bounded(download(client, parts, length), "all responses");
        if (multiplex) assertEquals(connections.length, before);
        else assertEquals(connections.length > before + 3, true);
      });
    });
  }
}
