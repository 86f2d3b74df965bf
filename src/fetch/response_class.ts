/** Classes that stand in for the runtime's `Response`. */

/** What a response is made of. */
export type Body = ConstructorParameters<typeof Response>[0];
/** Makes a response of a body and an init; undefined if the native class has to. */
export type Make = (body: Body, init: ResponseInit | undefined) => Response | undefined;

const NativeResponse = Response;
/** The type of a text by the Fetch standard. */
export const TEXT_TYPE = "text/plain;charset=UTF-8";

/** Makes a class like the native one in every way, whose instances `make` makes where it can. */
export function responseClass(make: Make): typeof Response {
  function Class(this: unknown, body: Body = null, init?: ResponseInit): Response {
    if (new.target === undefined) throw new TypeError("Cannot make response: Response is a class, call it with new");
    const made = new.target === Class ? make(body, init) : undefined;
    return made ?? setTextType(Reflect.construct(NativeResponse, [body, init], new.target), body);
  }
  const json = (data: unknown, init?: ResponseInit): Response => {
    const body = JSON.stringify(data);
    if (body === undefined) throw new TypeError("Cannot make response: the data has no JSON form");
    return Reflect.construct(Class, [body, withJsonType(init)]);
  };
  Object.setPrototypeOf(Class, NativeResponse);
  Object.defineProperties(Class, {
    name: { value: NativeResponse.name },
    length: { value: NativeResponse.length },
    prototype: { value: NativeResponse.prototype, writable: false },
    json: { value: json, configurable: true, enumerable: true, writable: true },
  });
  return Class as unknown as typeof Response;
}

/** Sets the type of a text where the runtime has not: Bun. */
export function setTextType(response: Response, body: unknown): Response {
  if (typeof body === "string" && !response.headers.has("content-type")) {
    response.headers.set("content-type", TEXT_TYPE);
  }
  return response;
}

function withJsonType(init: ResponseInit | undefined): ResponseInit {
  const { status = 200, statusText = "" } = init ?? {};
  if (init?.headers === undefined) return { status, statusText, headers: { "content-type": "application/json" } };
  const headers = new Headers(init.headers);
  if (!headers.has("content-type")) headers.set("content-type", "application/json");
  return { status, statusText, headers };
}
