/** The CGI/1.1 variables of a request, as nginx sends them: the web server's side of `params.ts`. */

import { isFieldValue, isHopByHop } from "./field.ts";
import { percentDecode } from "./percent.ts";
import { utf8Bytes } from "./utf8.ts";

/** What a request's parameters are made of. A `Request` is one. */
export interface ParamsSource {
  /** The method, as it is. */
  readonly method: string;
  /** The absolute URL. */
  readonly url: string | URL;
  /** Pairs of name and value, as `Headers` gives them. */
  readonly headers: Iterable<readonly [string, string]>;
}

/** What the web server knows of itself, the application and the client. What has no default is not sent unless given. */
export interface CgiVariables {
  /**
   * The script's path in the URL space, decoded.
   * @default {the path of `scriptFilename` below `documentRoot`, or how much of the URL's path it ends with; else `""`}
   */
  readonly scriptName?: string | undefined;
  /**
   * The rest of the path, decoded.
   * @default {the URL's path after `scriptName`; `""` if it does not begin with it, or names no script that is given}
   */
  readonly pathInfo?: string | undefined;
  /** The site's folder as the application sees it, DOCUMENT_ROOT. No file is looked for in it. */
  readonly documentRoot?: string | undefined;
  /** The script's file as the application sees it, SCRIPT_FILENAME. PHP-FPM runs this file, and nothing without it. */
  readonly scriptFilename?: string | undefined;
  /**
   * SERVER_NAME.
   * @default {the URL's host name}
   */
  readonly serverName?: string | undefined;
  /**
   * SERVER_PORT.
   * @default {the URL's port, or its scheme's}
   */
  readonly serverPort?: number | undefined;
  /** The web server's address, SERVER_ADDR. */
  readonly serverAddr?: string | undefined;
  /** The client's address, REMOTE_ADDR. */
  readonly remoteAddr?: string | undefined;
  /** The client's port, REMOTE_PORT. */
  readonly remotePort?: number | undefined;
  /**
   * SERVER_SOFTWARE.
   * @default {"webfcgi"}
   */
  readonly serverSoftware?: string | undefined;
  /**
   * SERVER_PROTOCOL.
   * @default {"HTTP/1.1"}
   */
  readonly serverProtocol?: string | undefined;
  /**
   * Whether the client came by TLS.
   * @default {whether the URL's scheme is https}
   */
  readonly https?: boolean | undefined;
  /** More parameters, name to value; they replace those of the same name. */
  readonly params?: Readonly<Record<string, string>> | undefined;
}

/** Fields that have a variable of their own, or that no application may see (httpoxy). */
const notSent: ReadonlySet<string> = new Set(["content-length", "content-type", "host", "proxy"]);

/** The name of a script that is given by its file alone. */
function ownScriptName(file: string, root: string | undefined, path: string): string {
  if (root !== undefined && file.startsWith(root + "/")) return file.slice(root.length);
  for (let end = path.length; end > 1; end = path.lastIndexOf("/", end - 1)) {
    if (end <= file.length && file.endsWith(path.slice(0, end))) return path.slice(0, end);
  }
  return "";
}

/** The rest of a decoded path after the script's. */
function pathAfter(path: string, scriptName: string): string {
  const rest = path.slice(scriptName.length);
  return path.startsWith(scriptName) && (rest === "" || rest.startsWith("/")) ? rest : "";
}

/** The parts of the path: SCRIPT_NAME, PATH_INFO, and PATH_TRANSLATED if there is one. */
function splitPath(site: CgiVariables, pathname: string): [string, string, string | undefined] {
  const path = percentDecode(pathname);
  const root = site.documentRoot === undefined ? undefined : utf8Bytes(site.documentRoot.replace(/\/+$/, ""));
  const file = site.scriptFilename === undefined ? undefined : utf8Bytes(site.scriptFilename);
  const scriptName = site.scriptName === undefined ? ownScriptName(file ?? "", root, path) : utf8Bytes(site.scriptName);
  const own = file !== undefined && scriptName === "" ? "" : pathAfter(path, scriptName);
  const pathInfo = site.pathInfo === undefined ? own : utf8Bytes(site.pathInfo);
  // Not without a script: PHP-FPM would run what PATH_TRANSLATED names.
  const hasTranslated = file !== undefined && root !== undefined && pathInfo !== "";
  return [scriptName, pathInfo, hasTranslated ? root + pathInfo : undefined];
}

/** Header fields: those with variables of their own by their names, and the others as HTTP_* variables. */
function splitFields(headers: ParamsSource["headers"]): [own: Map<string, string>, others: [string, string][]] {
  const own = new Map<string, string>();
  const others: [string, string][] = [];
  for (const [field, value] of headers) {
    const name = field.toLowerCase();
    if (!/^[a-z\d-]+$/.test(name) || !isFieldValue(value) || isHopByHop(name)) continue;
    if (notSent.has(name)) own.set(name, value);
    else others.push(["HTTP_" + name.toUpperCase().replaceAll("-", "_"), value]);
  }
  return [own, others];
}

/**
 * The CGI/1.1 variables of a request as a flat list of latin1 strings: name, value, name, value, and so on.
 *
 * A `Proxy` field is never sent (httpoxy), nor are those of the client's connection, nor names with anything but
 * letters, digits and `-`, which could pass for another field (nginx drops them too).
 *
 * @throws {TypeError} If the URL is not an absolute one of http or https.
 */
export function requestParams(request: ParamsSource, site: CgiVariables = {}): string[] {
  const url = typeof request.url === "string" ? new URL(request.url) : request.url;
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`Cannot make parameters: URL ${request.url} is not one of http or https`);
  }
  const https = site.https ?? url.protocol === "https:";
  const extra = site.params ?? {};
  const target = url.href.slice(url.href.indexOf("/", url.protocol.length + 2)).replace(/#.*$/s, "");
  const [scriptName, pathInfo, pathTranslated] = splitPath(site, url.pathname);
  const [own, fields] = splitFields(request.headers);
  const params: string[] = [];
  /** Adds bytes. */
  const put = (name: string, value: string): void => {
    if (!Object.hasOwn(extra, name)) params.push(name, value);
  };
  /** Adds text. */
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) put(name, utf8Bytes(String(value)));
  };
  put("QUERY_STRING", target.includes("?") ? target.slice(target.indexOf("?") + 1) : "");
  add("REQUEST_METHOD", request.method);
  // Always there, as nginx has it; PHP-FPM reads no body without a length.
  put("CONTENT_TYPE", own.get("content-type") ?? "");
  put("CONTENT_LENGTH", own.get("content-length") ?? "");
  add("SCRIPT_FILENAME", site.scriptFilename);
  put("SCRIPT_NAME", scriptName);
  put("PATH_INFO", pathInfo);
  if (pathTranslated !== undefined) put("PATH_TRANSLATED", pathTranslated);
  put("REQUEST_URI", target);
  put("DOCUMENT_URI", scriptName + pathInfo);
  add("DOCUMENT_ROOT", site.documentRoot);
  add("SERVER_PROTOCOL", site.serverProtocol ?? "HTTP/1.1");
  add("REQUEST_SCHEME", https ? "https" : "http");
  if (https) add("HTTPS", "on");
  add("GATEWAY_INTERFACE", "CGI/1.1");
  add("SERVER_SOFTWARE", site.serverSoftware ?? "webfcgi");
  add("REMOTE_ADDR", site.remoteAddr);
  add("REMOTE_PORT", site.remotePort);
  add("SERVER_ADDR", site.serverAddr);
  add("SERVER_PORT", site.serverPort ?? (url.port === "" ? (https ? 443 : 80) : url.port));
  add("SERVER_NAME", site.serverName ?? url.hostname);
  add("REDIRECT_STATUS", 200); // PHP built with force-cgi-redirect wants one
  for (const [name, value] of Object.entries(extra)) params.push(utf8Bytes(name), utf8Bytes(String(value)));
  put("HTTP_HOST", own.get("host") ?? url.host);
  for (const [name, value] of fields) put(name, value);
  return params;
}
