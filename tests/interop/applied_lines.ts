/** Puts lines where doctor says that they belong, as a person does who knows the web server but not FastCGI. */

import type { ConfigLines, WebServerName } from "../../src/config.ts";

/** A configuration with lines put in; what it has already is left alone. */
export function applied(server: WebServerName, text: string, lines: readonly ConfigLines[], mount: string): string {
  return lines.reduce(
    (text, { place, text: line }) => text.includes(line) ? text : put(server, text, place, line, mount),
    text,
  );
}

/** Puts a line behind the first place that a pattern matches. */
function after(text: string, pattern: RegExp, line: string): string {
  if (!pattern.test(text)) throw new Error(`Cannot put ${line}: nothing matches ${pattern} in\n${text}`);
  return text.replace(pattern, (found) => `${found}${line}\n`);
}

/** The text without the directive, or the static location, that a line takes the place of. */
function without(text: string, line: string): string {
  if (line.startsWith("location ")) return text.replace(/^ *location \/static\/? \{[^}]*\}\n/m, "");
  const [directive] = line.split(" ");
  const isOnce = /^(?:fastcgi_pass|fastcgi_read_timeout|client_max_body_size|large_client_header_buffers)$/.test(
    directive!,
  );
  return isOnce ? text.replace(new RegExp(`^ *${directive} .*\n`, "m"), "") : text;
}

function indented(line: string, spaces: number): string {
  return line.split("\n").map((part) => " ".repeat(spaces) + part).join("\n");
}

function put(server: WebServerName, text: string, place: string, line: string, mount: string): string {
  switch (`${server} ${place}`) {
    case "nginx http":
      return `${line}\n${line.startsWith("upstream ") ? text.replace(/^upstream app \{[^}]*\}\n/m, "") : text}`;
    case "nginx server":
      return after(without(text, line), /^ *server_name .*\n/m, line);
    case "nginx location":
      return after(without(text, line), /^ *include .*\n/m, line);
    case "nginx opening":
      return text.replace(/location \/app \{/, `${line} {`);
    case "lighttpd opening":
      return text.replace(/^ *\$HTTP\["url"\] =~ "\^\/app.*"/m, line);
    case "caddy matcher":
      return text.replace(/@app path .*/, line);
    case "haproxy frontend":
      return after(text.replace(/^ *use_backend app if \{ path_beg \/app \}\n/m, ""), /^frontend.*\n/m, `    ${line}`);
    case "apache VirtualHost":
    case "fcgid VirtualHost":
      return after(text, /^ *ServerName .*\n/m, line);
    case "apache Location":
      return /<Location /.test(text)
        ? after(text, /^ *<Location .*\n/m, line)
        : after(text, /^ *ServerName .*\n/m, `<Location ${mount || "/"}>\n${line}\n</Location>`);
    case "apache ProxyPass":
      return text.replace(/^( *ProxyPass .*fcgi:.*)$/m, `$1 ${line}`);
    case "fcgid Files":
      return after(text, /^ *<Files .*\n/m, line);
    case "lighttpd lighttpd.conf":
    case "lighttpd site":
      return after(text.replace(/^ *server\.max-request-size.*\n/m, ""), /^ *server\.modules .*\n/m, line);
    case "lighttpd fastcgi.server":
      return text.replace(/("check-local" => "disable")/, `$1,\n${line}`);
    case "caddy site":
      return after(text, /^\S+ \{\n/m, line);
    case "caddy handle":
      return after(text.replace(/\s*request_body \{[^}]*\}/, ""), /^\s*handle.*\{\n/m, line);
    case "caddy reverse_proxy":
      return after(text, /^\s*reverse_proxy.*\{\n/m, line);
    case "caddy transport fastcgi":
      return /transport fastcgi \{/.test(text)
        ? after(text, /^\s*transport fastcgi \{\n/m, line)
        : text.replace("transport fastcgi", `transport fastcgi {\n${line}\n}`);
    case "h2o h2o.conf":
      return `${line}\n${text.replace(/^limit-request-body.*\n/m, "")}`;
    case "h2o paths":
      return after(text, /^ *paths:\n/m, indented(line, 6));
    case "h2o the path":
      return after(text, new RegExp(`^ *"${mount || "/"}":\\n`, "m"), indented(line, 8));
    default:
      if (server === "haproxy") return after(text, new RegExp(`^${place}.*\\n`, "m"), `    ${line}`);
      throw new Error(`nobody knows where ${place} of ${server} is`);
  }
}
