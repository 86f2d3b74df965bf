/**
 * A site in front of an application: files as they are, everything else by FastCGI.
 *
 * Knows which request is for which, and what becomes of errors; files and sockets belong to others.
 */

import { isForbiddenMethod } from "../cgi/field.ts";
import { isHostAndPort } from "../cgi/request_url.ts";
import type { Client } from "../client/fast_cgi_client.ts";
import type { FastCgiRequestInit } from "../client/outgoing_request.ts";
import type { Files } from "../runtime/files.ts";
import type { BridgeOptions } from "./bridge_options.ts";
import { type BridgeInfo, clientAddress } from "./client_address.ts";
import { failureStatus } from "./failure_status.ts";
import { fileResponse } from "./file_response.ts";
import { plainResponse } from "./plain_response.ts";
import { SiteFolder } from "./site_folder.ts";

/** What the application is told of the site. */
type Told = Omit<FastCgiRequestInit, keyof RequestInit>;

/** A bridge under way. */
export class Bridge {
  readonly #client: Pick<Client, "fetch">;
  readonly #options: BridgeOptions;
  readonly #loadFiles: () => Promise<Files>;
  #folder: Promise<SiteFolder> | undefined;

  /** @throws {TypeError} If an option cannot be. */
  constructor(client: Pick<Client, "fetch">, options: BridgeOptions, loadFiles: () => Promise<Files>) {
    const { frontController } = options;
    if (frontController && !frontController.startsWith("/")) {
      throw new TypeError(
        `Cannot make bridge: frontController is ${JSON.stringify(frontController)}, not a path like "/index.php"`,
      );
    }
    this.#client = client;
    this.#options = options;
    this.#loadFiles = loadFiles;
  }

  /** Answers a request; rejects only if `onError` does. */
  async answer(request: Request, info: BridgeInfo): Promise<Response> {
    // Fetch has no such requests, and CONNECT is no business of a site.
    if (isForbiddenMethod(request.method)) return plainResponse(501);
    const host = request.headers.get("host");
    if (host && !isHostAndPort(host) || !URL.canParse(request.url)) return plainResponse(400);
    const address = clientAddress(request, info);
    if (this.#options.root === undefined) return await this.#ask(request, address);
    let found: Response | Told | undefined;
    try {
      found = await this.#find(request);
    } catch (error) {
      const isForbidden = (error as { readonly code?: unknown } | null)?.code === "EACCES";
      return isForbidden ? plainResponse(403) : await this.#fail(error, 500, request);
    }
    if (found === undefined) return plainResponse(404);
    return found instanceof Response ? found : await this.#ask(request, { ...found, ...address });
  }

  /** What the site's folder has for a request: a response, or what to ask the application; `undefined`: nothing. */
  async #find(request: Request): Promise<Response | Told | undefined> {
    const { index = "index.php", scriptExtensions = [".php"], followLinks = false } = this.#options;
    const { frontController = "/index.php" } = this.#options;
    const root = this.#options.root!;
    this.#folder ??= this.#loadFiles().then((files) =>
      new SiteFolder(files, { root, index, scriptExtensions, followLinks })
    );
    const folder = await this.#folder;
    const path = await folder.path();
    const documentRoot = this.#options.documentRoot?.replace(/\/+$/, "") ?? path;
    const { pathname, search } = new URL(request.url);
    const found = await folder.find(pathname, path);
    if (found === undefined) {
      if (frontController === null) return undefined;
      return frontController === "" ? { scriptName: "" } : script(documentRoot, frontController, "");
    }
    if ("script" in found) return script(documentRoot, found.script.scriptName, found.script.pathInfo);
    if ("folder" in found) {
      // Two slashes at the start would make a host of the first name.
      return plainResponse(308, { location: `/${pathname.replace(/^\/+/, "")}/${search}` });
    }
    if (request.method !== "GET" && request.method !== "HEAD") return plainResponse(405, { allow: "GET, HEAD" });
    return await fileResponse(request, folder.files, found.file);
  }

  async #ask(request: Request, told: Told): Promise<Response> {
    try {
      return await this.#client.fetch(request, told);
    } catch (error) {
      return await this.#fail(error, failureStatus(error), request);
    }
  }

  async #fail(error: unknown, status: number, request: Request): Promise<Response> {
    // Who has left reads no answer, and his leaving is no fault.
    if (!request.signal.aborted) {
      const { onError = toConsole } = this.#options;
      const response = await onError(error, request);
      if (response !== undefined) return response;
    }
    return plainResponse(status, status === 503 ? { "retry-after": "1" } : {});
  }
}

function script(documentRoot: string, scriptName: string, pathInfo: string): Told {
  return {
    documentRoot,
    scriptName,
    pathInfo,
    scriptFilename: documentRoot + scriptName,
    ...(pathInfo === "" ? {} : { params: { PATH_TRANSLATED: documentRoot + pathInfo } }),
  };
}

function toConsole(error: unknown, { method, url }: Request): void {
  console.error(`webfcgi: ${method} ${url}:`, error);
}
