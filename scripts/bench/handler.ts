/** The handler that every JavaScript server of the benchmark runs. */

const MiB = 1 << 20;
const mebibyte = new Uint8Array(MiB).fill(0x78);
const chunk = mebibyte.subarray(0, 65_536);

/** Makes it, with the class that its responses are to be of. */
export function makeHandler(ResponseClass: typeof Response): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "POST") {
      let length = 0;
      for await (const part of request.body!) length += part.length;
      return new ResponseClass(String(length), { headers: { "content-type": "text/plain" } });
    }
    if (pathname === "/down") {
      return new ResponseClass(mebibyte, { headers: { "content-type": "application/octet-stream" } });
    }
    if (pathname === "/stream") {
      return new ResponseClass(gibibyte(), { headers: { "content-type": "application/octet-stream" } });
    }
    return new ResponseClass("Hello, World!", { headers: { "content-type": "text/plain" } });
  };
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
