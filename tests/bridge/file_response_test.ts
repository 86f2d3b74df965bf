/** How files are read and closed, with a file that counts. */

import { fileResponse } from "../../src/bridge/file_response.ts";
import type { OpenFile } from "../../src/runtime/files.ts";
import { assertEquals, assertMatch, assertNotEquals, assertRejects, assertStringIncludes } from "../std/assert.ts";

const NOW_MS = Date.UTC(2024, 1, 1);

/** A file of `size` bytes that has only `has` of them. */
class FakeFile {
  reads = 0;
  opened = 0;
  closed = 0;
  changedMs = 0;
  readonly size: number;
  readonly #has: number;
  readonly #step: number;

  constructor(size: number, has = size, step = Infinity) {
    this.size = size;
    this.#has = has;
    this.#step = step;
  }

  open(): OpenFile {
    this.opened++;
    let isOpen = true;
    return {
      path: "/www/a.bin",
      size: this.size,
      modifiedMs: NOW_MS + 1e9,
      changedMs: this.changedMs,
      read: (memory, position) => {
        this.reads++;
        if (!isOpen) return Promise.reject(new Error("read from a closed file"));
        const length = Math.max(0, Math.min(memory.length, this.#has - position, this.#step));
        for (let at = 0; at < length; at++) memory[at] = (position + at) % 251;
        return Promise.resolve(length);
      },
      close: () => {
        if (isOpen) this.closed++;
        isOpen = false;
        return Promise.resolve();
      },
    };
  }

  get(init?: RequestInit): Promise<Response> {
    return fileResponse(new Request("http://localhost/a.bin", init), this.open(), NOW_MS);
  }
}

function isRight(bytes: Uint8Array, from = 0): boolean {
  return bytes.every((byte, at) => byte === (from + at) % 251);
}

Deno.test("fileResponse reads a short file at once, and closes it", async () => {
  for (const step of [Infinity, 1000]) {
    const file = new FakeFile(65_536, 65_536, step);
    const response = await file.get();
    assertEquals(file.closed, 1);
    const bytes = new Uint8Array(await response.arrayBuffer());
    assertEquals([bytes.length, isRight(bytes)], [65_536, true]);
  }
});

Deno.test("fileResponse reads a long file no faster than it is taken, and closes it at the end", async () => {
  const file = new FakeFile(1_000_000);
  const reader = (await file.get()).body!.getReader();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  const early = file.reads;
  let length = 0;
  for (let reads = 1;; reads++) {
    const { done, value } = await reader.read();
    if (done) break;
    assertEquals(isRight(value, length), true);
    length += value.length;
    if (file.reads > reads + 1) throw new Error(`${file.reads} reads for ${reads}`);
  }
  // Bun looks at a body's first part beforehand.
  assertEquals([early <= 1, length, file.opened, file.closed], [true, 1_000_000, 1, 1]);
});

Deno.test("fileResponse reads no more than the range when a part of a long file is asked for", async () => {
  const file = new FakeFile(1_000_000);
  const response = await file.get({ headers: { range: "bytes=100000-299999" } });
  const bytes = new Uint8Array(await response.arrayBuffer());
  assertEquals([response.status, bytes.length, isRight(bytes, 100_000), file.closed], [206, 200_000, true, 1]);
});

Deno.test("fileResponse closes the file when the body is not wanted any more", async () => {
  const unread = new FakeFile(1_000_000);
  await (await unread.get()).body!.cancel();
  assertEquals(unread.closed, 1);
  const begun = new FakeFile(1_000_000);
  const reader = (await begun.get()).body!.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals(begun.closed, 1);
});

Deno.test("fileResponse closes the file when there is no body", async () => {
  for (
    const init of [
      { method: "HEAD" },
      { method: "POST" },
      { headers: { "if-none-match": "*" } },
      { headers: { "if-match": '"x"' } },
      { headers: { range: "bytes=1000000-" } },
    ]
  ) {
    const file = new FakeFile(1_000_000);
    await (await file.get(init)).body?.cancel();
    assertEquals([file.opened, file.closed, file.reads], [1, 1, 0]);
  }
});

Deno.test("fileResponse breaks off when a file has become shorter", async () => {
  const long = new FakeFile(1_000_000, 500_000);
  const response = await long.get();
  const error = await assertRejects(() => response.arrayBuffer());
  assertStringIncludes(String(error), "shorter than the 1000000 bytes");
  assertEquals(long.closed, 1);
  const short = new FakeFile(1000, 500);
  await assertRejects(() => short.get(), Error, "shorter than the 1000 bytes");
  assertEquals(short.closed, 1);
});

Deno.test("fileResponse gives no date later than now", async () => {
  const { headers } = await new FakeFile(1).get();
  assertEquals(headers.get("last-modified"), new Date(NOW_MS).toUTCString());
});

Deno.test("fileResponse gives a weak tag as long as a further change could get the same times", async () => {
  for (const [agoMs, expected] of [[-5000, "W/"], [0, "W/"], [1999, "W/"], [2000, ""], [1e9, ""]] as const) {
    const file = new FakeFile(1);
    file.changedMs = NOW_MS - agoMs;
    const etag = (await file.get()).headers.get("etag")!;
    assertMatch(etag, /^(?:W\/)?"[\da-z-]+"$/);
    assertEquals([agoMs, etag.startsWith("W/") ? "W/" : ""], [agoMs, expected]);
  }
});

Deno.test("fileResponse gives another tag when the system has noted a change", async () => {
  const file = new FakeFile(1);
  const before = (await file.get()).headers.get("etag");
  file.changedMs++;
  assertNotEquals((await file.get()).headers.get("etag"), before);
});

Deno.test("fileResponse sends a part by If-Range only when the file is surely the same", async () => {
  const file = new FakeFile(10);
  const etag = (await file.get()).headers.get("etag")!;
  const date = new Date(NOW_MS).toUTCString();
  const ask = (ifRange: string, range = "bytes=0-0"): Promise<Response> =>
    file.get({ headers: { range, "if-range": ifRange } });
  for (const [ifRange, status] of [[etag, 206], [date, 200], ['"x"', 200], [`W/${etag}`, 200]] as const) {
    assertEquals([ifRange, (await ask(ifRange)).status], [ifRange, status]);
  }
  // Nor does a range that does not count fail.
  assertEquals((await ask('"x"', "bytes=99-")).status, 200);
  file.changedMs = NOW_MS;
  const weak = (await file.get()).headers.get("etag")!;
  for (const ifRange of [weak, weak.slice(2)]) assertEquals((await ask(ifRange)).status, 200);
  assertEquals(file.closed, file.opened);
});

Deno.test("fileResponse forbids browsers to guess another type", async () => {
  for (const init of [{}, { method: "HEAD" }, { headers: { range: "bytes=0-0" } }]) {
    const { headers } = await new FakeFile(1).get(init);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
  }
});
