/**
 * A site in front of an application: files as they are, everything else by FastCGI.
 *
 * Decides which request is for which, and the responses to errors; files and sockets belong to others.
 */

import { isForbiddenMethod, printable } from "../cgi/field.ts";
import type { Client } from "../client/fast_cgi_client.ts";
import type { FastCgiRequestInit } from "../client/outgoing_request.ts";
import { show } from "../options.ts";
import type { Files } from "../runtime/files.ts";
import { allowSilence, type BridgeInfo, clientAddress } from "./bridge_info.ts";
import { type BridgeOptions, type BridgeSettings, resolveBridge } from "./bridge_options.ts";
import { fetchFailureStatus, fileFailureStatus } from "./failure_status.ts";
import { fileResponse } from "./file_response.ts";
import { readHttps, readTarget } from "./request_target.ts";
import { SiteFolder } from "./site_folder.ts";
import { statusResponse } from "./status_response.ts";

/** The variables of the script and the connection. */
type ScriptParams = Omit<FastCgiRequestInit, keyof RequestInit>;

/** A bridge at work. */
export class Bridge {
  readonly #client: Pick<Client, "fetch">;
  readonly #settings: BridgeSettings;
  readonly #loadFiles: () => Promise<Files>;
  #folder: Promise<SiteFolder> | undefined;
  #hasWarned = false;

  /** @throws {TypeError} If the client is none, or an option is invalid. */
  constructor(client: Pick<Client, "fetch">, options: BridgeOptions, loadFiles: () => Promise<Files>) {
    if (typeof (client as Partial<Client> | undefined)?.fetch !== "function") {
      throw new TypeError(
        `Cannot make bridge: the client is ${show(client)}; write bridge(createClient(address), options)`,
      );
    }
    this.#settings = resolveBridge(options);
    this.#client = client;
    this.#loadFiles = loadFiles;
  }

  /** Answers a request; rejects only if `onError` does. */
  async answer(asked: Request, info: BridgeInfo): Promise<Response> {
    // Fetch forbids these methods, and a site has no use for CONNECT.
    if (isForbiddenMethod(asked.method)) return statusResponse(501);
    const target = readTarget(asked, info);
    if (target === undefined) return statusResponse(400);
    const { url, request } = target;
    const { https: option, site } = this.#settings;
    const https = readHttps(url, info, option);
    if (https === undefined) return this.#refuseHttps(url);
    // The client's own option applies where nothing is known.
    const connection = { ...clientAddress(asked, info), ...(https || option !== undefined ? { https } : {}) };
    let script: ScriptParams | undefined = {};
    if (site !== undefined) {
      let found: ScriptParams | Response | undefined;
      try {
        found = await this.#find(request, url);
      } catch (error) {
        const status = fileFailureStatus(error);
        return status === 403 ? statusResponse(status) : await this.#fail(error, status, request);
      }
      if (found === undefined) return statusResponse(404);
      if (found instanceof Response) return found;
      script = found;
    }
    allowSilence(asked, info);
    return await this.#forward(request, { ...script, ...connection });
  }

  /** A request's response or script from the site's folder; `undefined` if it has neither. */
  async #find(request: Request, url: URL): Promise<Response | ScriptParams | undefined> {
    const { frontController } = this.#settings;
    this.#folder ??= this.#loadFiles().then((files) => new SiteFolder(files, this.#settings.site!));
    const folder = await this.#folder;
    const root = await folder.path();
    const documentRoot = this.#settings.documentRoot ?? root;
    const found = await folder.find(url.pathname, root);
    if (found === undefined) {
      if (frontController === null) return undefined;
      return frontController === "" ? { scriptName: "" } : scriptParams(documentRoot, frontController, "");
    }
    if (found === "folder") return statusResponse(308, { location: `${url.pathname}/${url.search}` });
    if ("file" in found) return await fileResponse(request, found.file, Date.now());
    return scriptParams(documentRoot, found.scriptName, found.pathInfo);
  }

  async #forward(request: Request, params: ScriptParams): Promise<Response> {
    try {
      return await this.#client.fetch(request, params);
    } catch (error) {
      return await this.#fail(error, fetchFailureStatus(error, request), request);
    }
  }

  async #fail(error: unknown, status: number, request: Request): Promise<Response> {
    // A client that has left reads no response, and leaving is no fault.
    if (!request.signal.aborted) {
      const response = await (this.#settings.onError ?? logError)(error, request);
      if (response !== undefined) return response;
    }
    return statusResponse(status);
  }

  #refuseHttps({ host }: URL): Response {
    if (!this.#hasWarned && this.#settings.https === undefined) {
      this.#hasWarned = true;
      console.error(
        printable(
          `webfcgi: A request for https://${host} got 400: the HTTP server does not say that it came by TLS; ` +
            "if clients do, set the bridge's option https to true",
        ),
      );
    }
    return statusResponse(400);
  }
}

function scriptParams(documentRoot: string, scriptName: string, pathInfo: string): ScriptParams {
  return {
    documentRoot,
    scriptName,
    pathInfo,
    scriptFilename: documentRoot + scriptName,
    ...(pathInfo === "" ? {} : { params: { PATH_TRANSLATED: documentRoot + pathInfo } }),
  };
}

/** Writes one line: neither a browser's URL nor an application's text can forge a second. */
function logError(error: unknown, { method, url }: Request): void {
  const text = String(error);
  const cause = error instanceof Error ? error.cause : undefined;
  // Some messages end with their cause's, or with its code in place of it.
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  const isTold = cause === undefined || cause instanceof Error && text.endsWith(cause.message) ||
    code !== undefined && text.endsWith(`(${code})`);
  console.error(printable(`webfcgi: ${method} ${url}: ${text}${isTold ? "" : ` (${cause})`}`));
}
