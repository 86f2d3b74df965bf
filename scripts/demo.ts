/**
 * The main job with nothing else installed: a FastCGI application, and a small HTTP door on a free local port that
 * speaks FastCGI to it over a real socket, as a web server would.
 */

import { serve } from "../mod.ts";
import { detectRuntime } from "../src/runtime/detect.ts";
import type { NetAddr } from "../src/runtime/transport.ts";
import { httpDoor } from "./http_door.ts";

const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const application = serve({ port: 0, onListen: () => {} }, (request, info) => {
  const rows = [...info.params].map(([name, value]) => `<tr><th>${escape(name)}<td>${escape(value)}`).join("");
  return new Response(
    `<!doctype html><meta charset="utf-8"><title>webfcgi</title>
<style>body{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}th{text-align:left;padding-right:2rem}
th,td{border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}code{background:#f3f3f3;padding:.1em .3em}</style>
<h1>It works</h1>
<p>This page came through FastCGI: <code>${escape(request.method)} ${escape(request.url)}</code></p>
<p>Try <a href="/any/path?with=query">another path</a>. These are the parameters that the application got:</p>
<table>${rows}</table>`,
    { headers: { "content-type": "text/html;charset=utf-8" } },
  );
});
await application.ready;

const address = application.addr as NetAddr;
const door = httpDoor(await detectRuntime(), address);
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) =>
    console.log(`
  Open      http://localhost:${port}/
  It is     a FastCGI application on ${address.hostname}:${address.port}, behind a small HTTP door
  Next      put nginx or Apache in the door's place: the README has both, ready to copy
  Stop      Ctrl-C
`),
}, door);
