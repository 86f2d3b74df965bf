/** The page of the demo. */

import type { HandlerInfo } from "../../mod.ts";

/** Where a parameter comes from, and whose name says so; the first that fits counts. */
const groups: readonly [title: string, of: RegExp, explanation: string][] = [
  [
    "The request line",
    /^(?:REQUEST_METHOD|REQUEST_URI|QUERY_STRING|SERVER_PROTOCOL|DOCUMENT_URI)$/,
    "What the browser asked for.",
  ],
  [
    "The browser’s headers",
    /^(?:HTTP_(?!S$)|CONTENT_(?:TYPE|LENGTH)$)/,
    "Each header of the request, with HTTP_ before its name.",
  ],
  [
    "The connection",
    /^(?:REMOTE_(?:ADDR|PORT|HOST)|SERVER_(?:ADDR|PORT)|HTTPS|REQUEST_SCHEME|SSL_.*|TLS_.*)$/,
    "Who is connected to the web server, and how. No browser can forge these.",
  ],
  ["The visitor’s login", /^(?:REMOTE_USER|REMOTE_IDENT|AUTH_TYPE)$/, "Who the web server says has logged in."],
  [
    "Where the application is",
    /^(?:SCRIPT_(?:NAME|FILENAME)|PATH_(?:INFO|TRANSLATED)|DOCUMENT_ROOT|CONTEXT_.*)$/,
    "Which part of the path is the application’s own address, and which file the web server takes it for.",
  ],
  ["The web server", /^(?:SERVER_.*|GATEWAY_INTERFACE)$/, "Which program it is, and which name it has for itself."],
  ["Everything else", /./, "Set in the web server’s configuration."],
];

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A name that may be broken after an underscore, a hyphen or a slash, and nowhere else. */
function name(text: string): string {
  return escape(text).replace(/[_/-](?=.)/g, "$&<wbr>");
}

function table(caption: string, pairs: Iterable<readonly [string, string]>): string {
  const rows = [...pairs].map(([key, value]) =>
    `<tr><th scope="row"><code>${name(key)}</code></th><td><code>${name(value) || "<i>empty</i>"}</code></td></tr>`
  );
  return `<table><caption class="unseen">${escape(caption)}</caption><tbody>${rows.join("")}</tbody></table>`;
}

function parameters(info: HandlerInfo): string {
  const left = new Map(info.params);
  return groups.map(([title, of, explanation], at) => {
    const pairs = [...left].filter(([key]) => of.test(key));
    for (const [key] of pairs) left.delete(key);
    if (pairs.length === 0) return "";
    return `<details${at === 0 ? " open" : ""}><summary>${title} <span class="count">${pairs.length}</span></summary>
<p>${explanation}</p>${table(title, pairs)}</details>`;
  }).join("\n");
}

/** Makes the page for a request; `ownName` is what its records are asked for by. */
export function page(request: Request, info: HandlerInfo, ownName: string): string {
  const visitor = "hostname" in info.remoteAddr ? info.remoteAddr.hostname : "";
  const software = escape(info.params.get("SERVER_SOFTWARE") ?? "the web server");
  const base = escape(info.scriptName.split("/").map(encodeURIComponent).join("/"));
  const seen: [string, string][] = [
    ["request.method", request.method],
    ["request.url", request.url],
    ["info.scriptName", info.scriptName],
    ["info.pathInfo", info.pathInfo],
    ["info.remoteAddr.hostname", visitor],
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>webfcgi: this page came through FastCGI</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${base}/demo/page.css">
</head>
<body data-base="${base}" data-name="${ownName}">
<main>
<h1>This page came through FastCGI</h1>
<p class="lead">Your browser asked a web server for it. The web server did not make it: over a socket it passed the request
on to an application, a program that keeps running, and it passed the application’s answer back. FastCGI is the language
between the two.</p>
<ol class="way" aria-label="The way of your request">
<li><b>Your browser</b><span>${escape(visitor) || "somewhere"}</span></li>
<li class="hop"><span>HTTP</span></li>
<li><b>Web server</b><span>${software}</span></li>
<li class="hop now"><span>FastCGI</span></li>
<li><b>Application</b><span>webfcgi on Deno ${escape(Deno.version.deno)}</span></li>
</ol>

<section aria-labelledby="records-title">
<h2 id="records-title">What went over the socket</h2>
<p>All of it, for this very page, as it was overheard between the two. FastCGI cuts everything into <em>records</em>: eight
bytes that say the type, the request and the length, then the content. Each line is a record, or several of one type in a
row; the bar below an arrow shows when.</p>
<div class="timeline" data-timeline="${ownName}"><p>Loading…</p></div>
<noscript><p>The records are drawn by JavaScript.</p></noscript>
</section>

<section aria-labelledby="seen-title">
<h2 id="seen-title">What the handler saw</h2>
<p>The application is a function, <code>(request, info) =&gt; Response</code>. webfcgi makes a standard <code>Request</code>
of the records, and records of its <code>Response</code>. Ask for <a href="${base}/any/path?with=query">another path</a>,
and look what changes.</p>
${table("What the handler saw", seen)}
</section>

<section aria-labelledby="parameters-title">
<h2 id="parameters-title">The parameters, by where they come from</h2>
<p>PARAMS records carry names and values. A web server decides which to send; these are all of this request’s.</p>
${parameters(info)}
</section>

<section aria-labelledby="try-title">
<h2 id="try-title">Try it</h2>
<article>
<h3>Upload</h3>
<p>The body of a request arrives as STDIN records, and the handler reads it as a stream.</p>
<p><button type="button" id="upload">Send 800 KB</button>
<label class="file">or a file: <input type="file" id="file"></label></p>
<progress id="progress" max="1" value="0" aria-label="How much has been sent"></progress>
<output id="upload-result"></output>
<div class="timeline" id="upload-records"></div>
</article>
<article>
<h3>Events</h3>
<p>Each piece that the handler writes is a STDOUT record at once. If these come all together, the web server holds them back.</p>
<p><button type="button" id="events">Listen to six events</button></p>
<output id="events-result"></output>
<div class="timeline" id="events-records"></div>
</article>
<article>
<h3>Abort</h3>
<p>The handler of this request waits for a minute, unless <code>request.signal</code> tells it that you have left.</p>
<p><button type="button" id="wait">Ask</button> <button type="button" id="abort" disabled>Abort</button></p>
<output id="abort-result"></output>
<div class="timeline" id="abort-records"></div>
</article>
</section>
</main>
<script type="module" src="${base}/demo/page.js"></script>
</body>
</html>
`;
}
