/** The text form of an address, the same for servers, clients and command lines. */

/** Where something listens: TCP, a unix socket, or a descriptor that the process has inherited. */
export type Address =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string }
  | { readonly fd: number };

const FORMS = '"9000", "127.0.0.1:9000", "[::1]:9000", "unix:/run/app.sock" or "fd:0"';

/**
 * Reads an address: `"9000"` (on the loopback address), `"127.0.0.1:9000"`, `"[::1]:9000"`, `"/run/app.sock"`,
 * `"unix:/run/app.sock"`, `"unix:@name"` (an abstract name of Linux) or `"fd:0"`.
 *
 * @throws {TypeError} If it is none of these.
 * @throws {RangeError} If the port is above 65535.
 */
export function parseAddress(text: string): Address {
  if (typeof text !== "string") throw new TypeError(`Cannot read address: it is ${typeof text}; write ${FORMS}`);
  const unix = /^(?:unix:(?:\/\/(?=\/))?(?=[^\0])|(?=\.{0,2}\/))([^\0]+)$/.exec(text);
  if (unix !== null) return { path: unix[1]!.replace(/^@/, "\0") };
  const descriptor = /^fd:(\d{1,9})$/.exec(text);
  if (descriptor !== null) return { fd: Number(descriptor[1]) };
  const tcp = /^(?:(?:\[([\dA-Fa-f:.]*:[\dA-Fa-f:.]*(?:%[\w.-]+)?)\]|([\w.-]+)):)?(\d{1,9})$/.exec(text);
  if (tcp === null) throw new TypeError(`Cannot read address: ${JSON.stringify(text)} is none; write ${FORMS}`);
  const port = Number(tcp[3]);
  if (port > 65_535) throw new RangeError(`Cannot read address: port is ${port}, not 0 to 65535`);
  return { hostname: tcp[1] ?? tcp[2] ?? "127.0.0.1", port };
}

/** Writes an address such that {@linkcode parseAddress} reads it. */
export function formatAddress(address: Address): string {
  if ("path" in address) return `unix:${address.path.replace(/^\0/, "@")}`;
  if ("fd" in address) return `fd:${address.fd}`;
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
