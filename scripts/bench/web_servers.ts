/** The web servers that applications are loaded through. */

import type { Address } from "./measure.ts";
import { root } from "../list_files.ts";

/** Writes a configuration that passes all to an application, over connections that are kept; gives back the command. */
export function nginxCommand(folder: string, port: number, protocol: "fastcgi" | "http", app: Address): string[] {
  const fastcgiParams = decodeURI(new URL("tests/interop/configs/fastcgi_params", root).pathname);
  const pass = protocol === "fastcgi"
    ? `include ${fastcgiParams}; fastcgi_keep_conn on; fastcgi_pass app;`
    : `proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_pass http://app;`;
  const config = `${folder}/nginx.conf`;
  Deno.writeTextFileSync(
    config,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log crit;
    events { worker_connections 1024; }
    http {
      access_log off; keepalive_requests 100000000; client_body_buffer_size 2m;
      ${["client_body", "fastcgi", "proxy", "uwsgi", "scgi"].map((of) => `${of}_temp_path ${folder}/nginx;`).join(" ")}
      upstream app { server 127.0.0.1:${app}; keepalive 16; keepalive_requests 100000000; }
      server { listen 127.0.0.1:${port}; location / { ${pass} } }
    }`,
  );
  return ["nginx", "-p", folder, "-c", config];
}

/** The same for Caddy and PHP-FPM on a unix socket, as Caddy's manual has it. */
export function caddyCommand(folder: string, port: number, app: Address, documentRoot: string): string[] {
  const config = `${folder}/Caddyfile`;
  Deno.writeTextFileSync(
    config,
    `{
      admin off
      auto_https off
    }
    http://:${port} {
      bind 127.0.0.1
      root * ${documentRoot}
      php_fastcgi unix/${app}
    }`,
  );
  // It keeps a copy of its configuration.
  return [
    "env",
    `XDG_CONFIG_HOME=${folder}`,
    `XDG_DATA_HOME=${folder}`,
    "caddy",
    "run",
    "--adapter",
    "caddyfile",
    "--config",
    config,
  ];
}
