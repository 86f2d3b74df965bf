// What globals_deno_test.ts runs on each runtime: `globals_child.mjs native|own`.

import process from "node:process";
import { serve } from "@webfcgi/webfcgi";
import { WebServer } from "./web_server.ts";

const names = ["Request", "Response", "fetch", "Headers", "AbortController", "ReadableStream"] as const;
const before = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name)?.value ?? globalThis[name]);
const BeforeRequest = Request;
const BeforeResponse = Response;

const nativeRequest = process.argv[2] === "native";
let isNative: boolean | undefined;
const server = serve({ port: 0, nativeRequest, onListen: () => {} }, (request) => {
  // A Request of our own has private fields that no native method knows.
  isNative = Reflect.apply(Object.getOwnPropertyDescriptor(BeforeRequest.prototype, "url")?.get ?? (() => ""), request, []) ===
    request.url;
  return new Response("ok");
});
await server.ready;
const web = await WebServer.connect(server.addr);
const { text } = await web.ask().answer();
await web.close();
await server.close();

class Mine extends Request {}
class MyResponse extends Response {}
console.log(JSON.stringify({
  text,
  isNative,
  changed: names.filter((name, i) => globalThis[name] !== before[i]),
  works: [
    new Request("http://x/") instanceof BeforeRequest,
    new BeforeRequest("http://x/") instanceof Request,
    new Mine("http://x/y") instanceof Mine,
    new Mine("http://x/y").url,
    new MyResponse("x") instanceof BeforeResponse,
    Request.name,
    Response.name,
    fetch.name,
    Response.json({}).status,
    Response.redirect("http://x/").status,
    Request.prototype === BeforeRequest.prototype,
  ],
}));
