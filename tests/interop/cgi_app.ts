// What cgi_test.ts lets web servers start as CGI: `serve` without an address.

import { serve } from "../../mod.ts";

serve({
  onError: () => {},
  maxBodyBytes: 2_000_000,
  fetch: async (request, info) => {
    const { pathname, search } = new URL(request.url);
    info.log(`cgi ${request.method} ${info.pathInfo}`);
    if (info.pathInfo === "/fail") throw new Error("failed on purpose");
    if (info.pathInfo === "/teapot") return new Response(null, { status: 418, headers: { "x-a": "1" } });
    const received = new Uint8Array(await request.arrayBuffer());
    if (info.pathInfo === "/large") return new Response(large(received.length));
    const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
    const { method } = request;
    const sum = received.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0);
    return Response.json({ method, pathname, search, length: received.length, sum }, { headers });
  },
});

/** Three million bytes and more, as they come. */
function large(more: number): ReadableStream<Uint8Array> {
  let left = 3_000_000 + more;
  return new ReadableStream({
    pull(controller) {
      const length = Math.min(left, 50_000);
      left -= length;
      if (length === 0) controller.close();
      else controller.enqueue(new Uint8Array(length).fill(120));
    },
  });
}
