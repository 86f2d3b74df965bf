/** The class in the place of the global `Response`, while that is patched. */

import { FastResponse } from "./fast_response.ts";
import { hideClass } from "./native_lookalike.ts";
import { responseClass, setTextType } from "./response_class.ts";
import type { ResponseParts } from "./response_parts.ts";

const NativeResponse: typeof Response = Response;

/** A native response that remembers its text, for where the runtime's own functions take no other. */
export class PatchedResponse extends NativeResponse {
  #text: string | null | undefined;

  /** Makes a native response of a text. */
  constructor(text: string | null, init: ResponseInit | undefined) {
    super(text, init);
    this.#text = text;
    setTextType(this, text);
  }

  /** What the response was made of; undefined for others, and once the body has been read or looked at. */
  static parts(value: object): ResponseParts | undefined {
    if (!(#text in value) || value.#text === undefined || value.bodyUsed) return undefined;
    const { status, statusText, headers } = value;
    return { status, statusText, headers, body: value.#text };
  }

  /** Forgets the text: the response is sent as its stream. */
  static forget(response: PatchedResponse): void {
    response.#text = undefined;
  }
}

hideClass(PatchedResponse.prototype, NativeResponse);

const nativeBody = Object.getOwnPropertyDescriptor(NativeResponse.prototype, "body");
// Not in the class: to some declarations it is a field, to others an accessor.
Object.defineProperty(PatchedResponse.prototype, "body", {
  enumerable: true,
  get(this: PatchedResponse): unknown {
    // The stream is now out of our hands.
    PatchedResponse.forget(this);
    return nativeBody?.get?.call(this);
  },
});

/**
 * What responses remember: `"nothing"`: they are native ones, with the Content-Types of the Fetch standard; `"text"`:
 * native ones too; `"body"`: they are as {@linkcode FastResponse} makes them.
 */
export type Remembered = "nothing" | "text" | "body";

/** Makes the class to put in the place of the global `Response`. */
export function patchedResponse(remembered: Remembered): typeof Response {
  return responseClass((body, init) => {
    if (remembered === "text" && (body === null || typeof body === "string")) return new PatchedResponse(body, init);
    if (remembered !== "body") return undefined;
    // A native response copies the bytes as well: they may be changed afterwards.
    return new FastResponse(body instanceof Uint8Array ? body.slice() : body, init);
  });
}
