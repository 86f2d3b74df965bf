/** The handler that every JavaScript server of the benchmark runs: a kind of work for each path. */

const MiB = 1 << 20;
const mebibyte = new Uint8Array(MiB).fill(0x78);
const chunk = mebibyte.subarray(0, 65_536);
const sessions = new Map([["5c6b0a1d9e3f47288b1d", { user: "Ada Lovelace", visits: 42 }]]);

/** Makes it, with the class that its responses are to be of. */
export function makeHandler(ResponseClass: typeof Response): (request: Request) => Promise<Response> {
  const text = (body: string): Response => new ResponseClass(body, { headers: { "content-type": "text/plain" } });
  const json = (data: unknown): Response =>
    new ResponseClass(JSON.stringify(data), { headers: { "content-type": "application/json" } });
  const bytes = (body: BodyInit): Response =>
    new ResponseClass(body, { headers: { "content-type": "application/octet-stream" } });

  return async (request) => {
    switch (new URL(request.url).pathname) {
      case "/headers":
        return text(threeHeaders(request).every((value) => value !== null) ? "Hello, World!" : "A header is missing");
      case "/session":
        return json(session(request));
      case "/json": {
        const { items } = await request.json() as { items: { price: number; count: number }[] };
        return json({ count: items.length, sum: items.reduce((sum, { price, count }) => sum + price * count, 0) });
      }
      case "/text":
        return text(String((await request.text()).length));
      case "/bytes":
        return text(String((await (request.bytes?.() ?? request.arrayBuffer())).byteLength));
      case "/body":
        return text(String(await lengthOf(request.body!)));
      case "/down":
        return bytes(mebibyte);
      case "/stream":
        return bytes(gibibyte());
      default:
        return text("Hello, World!");
    }
  };
}

function threeHeaders({ headers }: Request): (string | null)[] {
  return [headers.get("accept"), headers.get("accept-language"), headers.get("user-agent")];
}

function session(request: Request): unknown {
  const id = /(?:^|; *)session=([^;]*)/.exec(request.headers.get("cookie") ?? "")?.[1] ?? "";
  const [accept, language, agent] = threeHeaders(request);
  return { ...sessions.get(id), accept, language, agent };
}

async function lengthOf(body: ReadableStream<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const part of body) length += part.length;
  return length;
}

function gibibyte(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = 1024 * MiB;
  return new ReadableStream({
    pull(controller): void {
      // The same memory each time: what is measured is the server's, not the handler's.
      controller.enqueue(chunk);
      left -= chunk.length;
      if (left === 0) controller.close();
    },
  });
}
