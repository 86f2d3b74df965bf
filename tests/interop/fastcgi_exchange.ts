/** One request over a plain TCP connection, its records made by hand: what a server answers, byte for byte. */

/** Sends a request without FCGI_KEEP_CONN and gives back all bytes until the application closes. */
export async function fastcgiExchange(
  port: number,
  params: readonly (readonly [string, string])[],
  stdin: Uint8Array,
): Promise<Uint8Array> {
  const pairs = params.flatMap(([name, value]) => [...length(name), ...length(value), ...bytes(name + value)]);
  const request = [
    ...record(1, [0, 1, 0, 0, 0, 0, 0, 0]),
    ...record(4, pairs),
    ...record(4, []),
    ...(stdin.length > 0 ? record(5, stdin) : []),
    ...record(5, []),
  ];
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    conn.close();
  }, 10_000);
  const response: number[] = [];
  try {
    await conn.write(Uint8Array.from(request));
    const chunk = new Uint8Array(65_536);
    for (let count = await conn.read(chunk); count !== null; count = await conn.read(chunk)) {
      for (const byte of chunk.subarray(0, count)) response.push(byte);
    }
  } catch (error) {
    if (late) {
      throw new Error(`The application has not closed the connection within 10 s, after ${response.length} bytes`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
    if (!late) conn.close();
  }
  return Uint8Array.from(response);
}

/** The contents of all records of one type, joined. */
export function contentOf(response: Uint8Array, type: number): Uint8Array {
  const content: number[] = [];
  for (let at = 0; at < response.length;) {
    const [, recordType, , , high = 0, low = 0, padding = 0] = response.subarray(at, at + 8);
    const end = at + 8 + high * 256 + low;
    if (recordType === type) content.push(...response.subarray(at + 8, end));
    at = end + padding;
  }
  return Uint8Array.from(content);
}

function record(type: number, content: readonly number[] | Uint8Array): number[] {
  return [1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0, ...content];
}

function length(text: string): number[] {
  return text.length < 128 ? [text.length] : [128, 0, text.length >> 8, text.length & 255];
}

function bytes(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}
