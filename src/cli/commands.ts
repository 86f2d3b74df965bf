/** The command lines of all commands; what the commands do is loaded when one is asked for. */

import type { Command } from "./arguments.ts";

const ACCESS_LOG = {
  kind: "choice",
  choices: ["text", "json"],
  value: "text|json",
  also: ["log"],
  help: "Write a line for each request to standard output",
} as const;

const QUIET = {
  kind: "flag",
  short: "q",
  also: ["silent"],
  help: "Say nothing of starting, nor of requests on a terminal",
} as const;

/** `webfcgi serve` */
export const SERVE = {
  name: "serve",
  operands: "[ENTRY]",
  summary: `Serves the application that ENTRY exports: a default object with fetch, a default function, or fetch.
ENTRY is a file or a folder; without it, the first of server, main, app and index with .ts, .mts, .js or .mjs.`,
  options: {
    "listen": {
      kind: "texts",
      short: "l",
      value: "ADDR",
      also: ["port", "host", "hostname", "socket", "bind", "address", "path", "fd", "unix"],
      help: `Where to listen: 9000 (this machine alone), 127.0.0.1:9000, [::1]:9000,
/run/app.sock, unix:/run/app.sock or fd:3; may be repeated. Without it: the socket
that the process is started with (descriptor 0, systemd), else 127.0.0.1:9000`,
    },
    "mode": { kind: "mode", value: "MODE", also: ["umask"], help: "Mode of unix sockets, in octal (default: 660)" },
    "group": { kind: "text", value: "NAME", help: "Group of unix sockets: the web server's" },
    "mount": {
      kind: "text",
      value: "PATH",
      also: ["base", "prefix"],
      help: "Where the application is mounted, as in /app",
    },
    "strip-mount": { kind: "flag", help: "Cut the mount off the path of request.url" },
    "allow-peers": {
      kind: "text",
      value: "LIST",
      also: ["allowed-peers", "allow"],
      help: "Web servers that may connect, as in 10.0.0.7,10.1.0.0/16",
    },
    "limit": {
      kind: "pairs",
      value: "NAME=VALUE",
      also: ["timeout"],
      help: `A limit of serve, such as maxBodyBytes=20M or requestTimeoutMs=30s; may be repeated`,
    },
    "access-log": ACCESS_LOG as typeof ACCESS_LOG,
    "workers": {
      kind: "text",
      value: "N|auto",
      also: ["processes", "cluster", "instances"],
      help: `Serve in N processes, or one for each processor, and load new code on HUP
without losing a request`,
    },
    "max-requests": { kind: "text", value: "N", help: "Replace a worker once it has had about N requests" },
    "max-memory": { kind: "text", value: "SIZE", help: "Replace a worker that has grown to SIZE, such as 500M" },
    "max-age": { kind: "time", value: "TIME", help: "Replace a worker after about TIME, such as 12h" },
    "watch": {
      kind: "flag",
      short: "w",
      also: ["reload"],
      help: "Load new code when code below the entry's folder changes",
    },
    "doctor": { kind: "flag", help: "Answer webfcgi doctor beside the application, for ten minutes" },
    "user": { kind: "text", value: "NAME", help: "Listen as root, then become this user" },
    "pid": {
      kind: "text",
      value: "FILE",
      also: ["pidfile", "pid-file"],
      help: "Keep the process's number in a file while it runs",
    },
    "quiet": QUIET as typeof QUIET,
  },
  examples: ["webfcgi serve -l unix:/run/app.sock --group www-data server.ts"],
} as const;

/** `webfcgi fetch` */
export const FETCH = {
  name: "fetch",
  operands: "ADDRESS [PATH]",
  summary: `Sends a request to a FastCGI application and prints the body of the response; PATH is / or a whole URL.
Exit codes are curl's: 7 cannot connect, 22 a status of 400 or more, 28 too slow, 56 a broken response.`,
  options: {
    "request": {
      kind: "text",
      short: "X",
      value: "METHOD",
      also: ["method"],
      help: "The method (default: GET, POST with -d)",
    },
    "header": {
      kind: "texts",
      short: "H",
      value: "FIELD",
      help: 'A header field, as in "Accept: text/html"; may be repeated',
    },
    "data": {
      kind: "texts",
      short: "d",
      value: "DATA",
      also: ["body"],
      help: "The body; @FILE for a file's content, - for standard input; several are joined by &",
    },
    "include": { kind: "flag", short: "i", also: ["head"], help: "Print the response's status and header as well" },
    "verbose": { kind: "flag", short: "v", help: "Print the records in both directions on standard error" },
    "param": { kind: "pairs", value: "K=V", help: "A FastCGI parameter; may be repeated" },
    "script": { kind: "text", value: "FILE", help: "The script that the application is to run (SCRIPT_FILENAME)" },
    "role": {
      kind: "text",
      value: "ROLE",
      help: "What the application is to be: responder (default), authorizer or filter",
    },
    "timeout": { kind: "time", value: "TIME", also: ["max-time"], help: "How long it may take in all, as in 5s" },
  },
  examples: [
    "webfcgi fetch -i 9000 /hello",
    "webfcgi fetch unix:/run/php/php8.2-fpm.sock /ping --script /ping    # a health check",
  ],
} as const;

/** `webfcgi bridge` */
export const BRIDGE = {
  name: "bridge",
  operands: "ADDRESS",
  summary: "Puts an HTTP server in front of a FastCGI application: a PHP site, or your own, in the browser.",
  options: {
    "port": {
      kind: "text",
      short: "p",
      value: "PORT",
      also: ["listen", "host", "hostname"],
      help: "Where to listen for HTTP: a port of this machine alone, or as in 0.0.0.0:8080 (default: 8080)",
    },
    "root": {
      kind: "text",
      value: "DIR",
      also: ["dir", "docroot", "public"],
      help: "The site's folder: its files are served, its scripts executed",
    },
    "front-controller": {
      kind: "text",
      value: "PATH",
      also: ["fallback"],
      help: `The script below the root that answers what no file does (default: /index.php);
app: the application answers without a script; none: 404`,
    },
    "https-proxy": { kind: "flag", also: ["https", "tls"], help: "Clients come by TLS, which a proxy in front ends" },
    "access-log": ACCESS_LOG as typeof ACCESS_LOG,
    "quiet": QUIET as typeof QUIET,
  },
  examples: ["webfcgi bridge unix:/run/php/php8.2-fpm.sock --root /srv/www"],
} as const;

/** `webfcgi status` */
export const STATUS = {
  name: "status",
  operands: "ADDRESS",
  summary:
    `Asks a FastCGI application what it says of itself: its limits, and of webfcgi serve its requests and memory.`,
  options: {
    "json": { kind: "flag", help: "Print JSON" },
    "prometheus": { kind: "flag", also: ["metrics"], help: "Print Prometheus's text format" },
    "timeout": { kind: "time", value: "TIME", help: "How long the answer may take (default: 5s)" },
  },
  examples: ["webfcgi status unix:/run/app.sock"],
} as const;

/** `webfcgi config` */
export const CONFIG = {
  name: "config",
  operands: "TARGET",
  summary: `Prints the configuration of a web server for an application: nginx, apache, fcgid, lighttpd, caddy, haproxy
or h2o; or of what starts the application: htaccess, systemd or container. It changes no file.`,
  options: {
    "listen": {
      kind: "texts",
      short: "l",
      value: "ADDR",
      also: ["address", "port", "socket", "upstream"],
      help: `Where the application listens, as serve takes it (default: 127.0.0.1:9000); several are
balanced; %n stands for 1 to N of --workers`,
    },
    "mount": { kind: "text", value: "PATH", also: ["base", "prefix"], help: "The path it is served under, as in /app" },
    "static": { kind: "pairs", value: "/URL/=DIR", help: "A folder that the web server serves; may be repeated" },
    "host": {
      kind: "text",
      value: "NAME",
      also: ["server-name", "hostname"],
      help: "The site's name, and its port if that is not 80, as in example.com:8080",
    },
    "upload": { kind: "text", value: "SIZE", also: ["max-body"], help: "The largest upload, as in 20M" },
    "header": { kind: "text", value: "SIZE", help: "The longest header in either direction, from 8k to 63k" },
    "stream": { kind: "flag", help: "Every response leaves as it is written; events do in any case" },
    "trust-proxy": {
      kind: "texts",
      value: "ADDR",
      help: "A proxy in front that is believed to know the client, as in 10.0.0.0/8; may be repeated",
    },
    "workers": { kind: "text", value: "N", help: "How many processes serve" },
    "command": {
      kind: "text",
      value: "COMMAND",
      help: "What starts the application (fcgid, htaccess, systemd, container)",
    },
    "timeout": { kind: "text", value: "SECONDS", help: "How long the application may be silent" },
    "auth": {
      kind: "text",
      value: "PATH",
      help: "A path of the application that is asked first, and lets through by a 2xx",
    },
  },
  examples: ["webfcgi config nginx --listen unix:/run/app.sock --mount /app --static /static/=/srv/app/static"],
} as const;

/** `webfcgi doctor` */
export const DOCTOR = {
  name: "doctor",
  operands: "URL",
  summary: `Looks at a web server through the application's eyes: what arrives, and which lines mend what is wrong.
It listens in the stead of the application, which must be stopped, or asks one that serve --doctor serves.
Exit codes: 0 nothing is wrong, 1 something is, 3 it could not look.`,
  options: {
    "listen": {
      kind: "text",
      short: "l",
      value: "ADDR",
      also: ["address", "port", "socket"],
      help: "Where the application listens, as serve takes it (default: 127.0.0.1:9000)",
    },
    "token": {
      kind: "text",
      value: "TOKEN",
      help: "What serve --doctor has printed: asks beside the running application",
    },
    "mount": {
      kind: "text",
      value: "PATH",
      help: "The application's own option, if it has one: what serve --mount says",
    },
    "mode": { kind: "mode", value: "MODE", help: "Mode of a unix socket, as of serve" },
    "group": { kind: "text", value: "NAME", help: "Group of a unix socket, as of serve" },
    "static": {
      kind: "pairs",
      value: "/URL/=DIR",
      help: "A folder that the web server is to serve; may be repeated",
    },
    "upload": { kind: "text", value: "SIZE", help: "The largest upload that has to pass, as in 20M" },
    "deny": { kind: "texts", value: "PATH", help: "A path that the web server denies, as in /admin/; may be repeated" },
    "auth": { kind: "text", value: "PATH", help: "The path of the application that is asked before each page" },
    "slow": { kind: "time", value: "TIME", help: "Try a response that takes so long, as in 70s" },
    "only": { kind: "texts", value: "NAMES", help: "Make these checks alone, as in host,mount" },
    "json": { kind: "flag", help: "Print JSON" },
    "verbose": { kind: "flag", short: "v", help: "Tell what is only worth knowing, and what cannot be seen" },
  },
  examples: ["webfcgi doctor http://localhost/app/ --listen /run/app.sock --static /static/=/srv/app/static"],
} as const;

/** The commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [SERVE, CONFIG, DOCTOR, FETCH, BRIDGE, STATUS];
