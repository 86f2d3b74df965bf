/**
 * The body of a native Response that is a string or bytes, without a stream: Deno shows it to its own HTTP server.
 *
 * Undocumented; used only if the internals look exactly as expected, otherwise the stream is read.
 */

const NativeResponse = Response;

/** A body in memory, as Deno keeps it. */
interface StaticBody {
  readonly body: string | Uint8Array;
  consumed: boolean;
}

/** The symbol under which a response keeps its body; undefined where it does not show it. */
const inner: symbol | undefined = findInner();

function findInner(): symbol | undefined {
  const response = new NativeResponse("text", { headers: { a: "b" } });
  const found = Object.getOwnPropertySymbols(response).find((key) => staticBody(response, key)?.body === "text");
  if (found === undefined) return undefined;
  // Only if marking a body as used there makes it used.
  staticBody(response, found)!.consumed = true;
  return response.bodyUsed ? found : undefined;
}

/**
 * Takes the body out of a response of which headers have been read, and which is used thereby; undefined if it has to be
 * read as a stream, or there is none, or it cannot be read.
 */
export function takeStaticBody(response: Response): string | Uint8Array | undefined {
  if (inner === undefined || Object.getPrototypeOf(response) !== NativeResponse.prototype) return undefined;
  const found = staticBody(response, inner);
  if (found === undefined || found.consumed || Object.hasOwn(response, "body")) return undefined;
  found.consumed = true;
  return found.body;
}

function staticBody(response: Response, key: symbol): StaticBody | undefined {
  const { body } = (response as unknown as Record<symbol, { body?: unknown } | null>)[key] ?? {};
  const { streamOrStatic } = (body ?? {}) as { streamOrStatic?: Partial<StaticBody> };
  if (streamOrStatic?.consumed === undefined) return undefined;
  const content = streamOrStatic.body;
  return typeof content === "string" || content instanceof Uint8Array ? streamOrStatic as StaticBody : undefined;
}

/** Prints a value as Bun's console does: of a response it shows how many bytes it has in memory. */
const inspect: ((value: unknown) => string) | undefined =
  (globalThis as { readonly Bun?: { readonly inspect?: (value: unknown) => string } }).Bun?.inspect;
const showsSize: boolean = inspect !== undefined && sizeShown(new NativeResponse("text")) &&
  !sizeShown(new NativeResponse(new ReadableStream()));

/**
 * Whether a response, of which the body has not been read or looked at, has content in memory although it gives a stream:
 * Bun's, as far as it shows it. That is expensive to find out.
 */
export function hasHiddenBody(response: Response): boolean {
  return showsSize && sizeShown(response);
}

function sizeShown(response: Response): boolean {
  return /^Response \((?!0 KB\))[\d.]+ \w+\)/.test(inspect!(response));
}
