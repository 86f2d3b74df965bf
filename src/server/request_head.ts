/** A request's head, read from its parameters. Owns the URL and the mount, so that each is computed at most once. */

import { isBodilessMethod } from "../cgi/field.ts";
import { findMount, type Mount, stripMount } from "../cgi/mount.ts";
import type { Params } from "../cgi/params.ts";
import { contentLength } from "../cgi/request_headers.ts";
import { requestUrl } from "../cgi/request_url.ts";
import { FCGI_AUTHORIZER } from "../protocol/constants.ts";
import type { Settings } from "./server_options.ts";

/** The head of a request. */
export class RequestHead {
  readonly requestId: number;
  /** FCGI_RESPONDER, FCGI_AUTHORIZER or FCGI_FILTER. */
  readonly role: number;
  readonly params: Params;
  readonly method: string;
  /** The length of the body in bytes, if it is known. */
  readonly contentLength: number | undefined;
  /** When the request began, on the server's clock. */
  readonly startedMs: number;
  readonly #settings: Settings;
  #url: string | undefined;
  #mount: Mount | undefined;

  constructor(requestId: number, role: number, params: Params, startedMs: number, settings: Settings) {
    this.requestId = requestId;
    this.role = role;
    this.params = params;
    this.startedMs = startedMs;
    this.#settings = settings;
    this.method = params.get("REQUEST_METHOD") ?? "";
    this.contentLength = contentLength(params);
  }

  /** The URL, absolute and normalised, without the mount if that is to be stripped; undefined if there is none. */
  get url(): string | undefined {
    return this.#url ??= this.#findUrl();
  }

  /** Where the application is mounted, and the rest of the path. */
  get mount(): Mount {
    return this.#mount ??= findMount(this.params, this.#settings.mount);
  }

  /** Whether a Request of it has a body. */
  get hasBody(): boolean {
    return this.role !== FCGI_AUTHORIZER && this.contentLength !== 0 && !isBodilessMethod(this.method);
  }

  #findUrl(): string | undefined {
    const url = requestUrl(this.params);
    return url !== undefined && this.#settings.stripMount ? stripMount(url, this.mount.scriptName) : url;
  }
}
