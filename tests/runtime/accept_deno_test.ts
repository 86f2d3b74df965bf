import { denoRuntime } from "../../src/runtime/deno.ts";
import { assertEquals } from "../std/assert.ts";

/** Listens on a socket whose `accept` fails as often as there are `codes`; counts the calls, and the rests between them. */
async function acceptAfter(codes: readonly string[]): Promise<{ readonly accepts: number; readonly rests: number }> {
  const { listen } = Deno;
  const { setTimeout } = globalThis;
  let accepts = 0;
  let rests = 0;
  let closed!: (error: Error) => void;
  const never = new Promise<never>((_, reject) => closed = reject);
  never.catch(() => {});
  const listener = {
    addr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    accept(): Promise<never> {
      const code = codes[accepts++];
      return code === undefined ? never : Promise.reject(Object.assign(new Error(code), { code }));
    },
    close: () => closed(new Error("closed")),
  };
  Deno.listen = (() => listener) as unknown as typeof listen;
  globalThis.setTimeout = (() => ++rests) as unknown as typeof setTimeout;
  try {
    const listening = await denoRuntime().listen({ hostname: "127.0.0.1", port: 0 }, () => {
      throw new Error("nobody connects");
    });
    for (let turn = 0; turn < 10 * codes.length; turn++) await null;
    await listening.close();
  } finally {
    Deno.listen = listen;
    globalThis.setTimeout = setTimeout;
  }
  return { accepts, rests };
}

Deno.test("denoRuntime accepts again at once when a connection could not be accepted", async () => {
  const codes = Array.from({ length: 300 }, (_, at) => ["ENOTCONN", "ECONNABORTED", "EPROTO", "EPERM"][at % 4]!);
  assertEquals(await acceptAfter(codes), { accepts: 301, rests: 0 });
});

Deno.test("denoRuntime rests before it accepts again when descriptors are short", async () => {
  for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
    assertEquals(await acceptAfter([code, code]), { accepts: 1, rests: 1 });
  }
});
