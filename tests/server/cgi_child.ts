// What cgi_process_deno_test.ts runs on each runtime: `cgi_child.mjs ROLE`.

import process from "node:process";
import { serve } from "@webfcgi/webfcgi";

const roles: Readonly<Record<string, () => void>> = {
  /** Answers what it got; says on standard error when the server has finished. */
  async echo() {
    const server = serve(async (request, info) => {
      const raw = [...info.params.get("X_RAW") ?? ""].map((char) => char.charCodeAt(0));
      return new Response(`${request.method} ${await request.text()} ${raw} ${info.peerAddr.transport}`);
    });
    await server.ready;
    await server.finished;
    const { requests, aborted } = server.stats();
    console.error(`finished ${requests} ${aborted}`);
  },
  /** Breaks its response off after the head. */
  broken() {
    serve({
      onError: () => {},
      fetch: () =>
        new Response(
          new ReadableStream({
            async start(controller) {
              controller.enqueue(new TextEncoder().encode("half"));
              await new Promise((resolve) => setTimeout(resolve, 20));
              controller.error(new Error("torn"));
            },
          }),
        ),
    });
  },
  /** Sends until nobody reads. */
  endless() {
    let aborted = false;
    const server = serve({
      onFinish: ({ outcome }) => void console.error(outcome),
      fetch: (request) => {
        request.signal.addEventListener("abort", () => aborted = true);
        return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) }));
      },
    });
    server.finished.then(() => console.error(`aborted ${aborted}`));
  },
  /** Listens, as it has an address. */
  async address() {
    const server = serve({ port: 0 }, () => new Response("hello"));
    await server.ready;
    await server.shutdown();
  },
};

await roles[process.argv[2] ?? ""]?.();
