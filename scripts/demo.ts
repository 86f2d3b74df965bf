/**
 * A FastCGI application with nothing else installed: an HTTP server on a free local port speaks FastCGI to it over a
 * real socket, as a web server would.
 */

import { serve } from "../mod.ts";
import { bridge } from "../src/bridge.ts";
import { createClient } from "../src/client.ts";

const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const application = serve({ port: 0, quiet: true }, (request, info) => {
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

const { hostname, port } = application.addr;
const client = createClient({ hostname, port, serverSoftware: "webfcgi demo" });
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: (door) =>
    console.log(`
  Open      http://localhost:${door.port}/
  It is     a FastCGI application on ${hostname}:${port}, behind Deno.serve and a FastCGI client
  Next      put a web server in their place: README.md has nginx, docs/web-servers.md the others
  Stop      Ctrl-C
`),
}, bridge(client));
