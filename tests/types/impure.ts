/** What a pure module cannot do: the compiler complains of each line, or of the comment above it. */

// @ts-expect-error it is unknown here
setTimeout(() => {}, 1);
// @ts-expect-error it is unknown here
queueMicrotask(() => {});
// @ts-expect-error it is unknown here
console.log();
// @ts-expect-error it is unknown here
export type Stream = ReadableStream;
// @ts-expect-error it is unknown here
export type Asked = Request;
// @ts-expect-error it is unknown here
new Response();
// @ts-expect-error it is unknown here
fetch("http://localhost/");
// @ts-expect-error it is unknown here
AbortSignal.timeout(1);
// @ts-expect-error it is unknown here
new AbortController();
// @ts-expect-error it is unknown here
performance.now();
// @ts-expect-error it is unknown here
crypto.randomUUID();
// @ts-expect-error it is unknown here
Deno.exit();
// @ts-expect-error it is unknown here
Bun.sleep();
// @ts-expect-error it is unknown here
process.exit();
// @ts-expect-error it is unknown here
Buffer.from("");
// @ts-expect-error it is unknown here
export * from "node:net";
