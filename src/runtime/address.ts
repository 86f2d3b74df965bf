/** The text form of an address, the same for servers, clients and command lines. */

/** Where something listens: TCP, a unix socket, or a descriptor that the process has inherited. */
export type Address =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string }
  | { readonly fd: number };

/** `sun_path` is 108 bytes with its NUL; Node 20 and 22 cut a longer path in silence and listen elsewhere. */
export const MAX_PATH_BYTES = 107;

const FORMS = '"9000", "127.0.0.1:9000", "[::1]:9000" or "unix:/run/app.sock"';
const HOSTNAME = /^[\w.-]+$/;
const IPV6 = /^(?=.*:.*:)[\dA-Fa-f:.]+(?:%[\w.-]+)?$/;

/**
 * Reads an address: `"9000"` (on the loopback address), `"127.0.0.1:9000"`, `"[::1]:9000"`, `"/run/app.sock"`,
 * `"unix:/run/app.sock"`, `"unix:@name"` (an abstract name of Linux) or `"fd:0"`.
 *
 * @throws {TypeError} If it is none of these.
 * @throws {RangeError} If the port is above 65535 or the path longer than 107 bytes.
 */
export function parseAddress(text: string): Address {
  if (typeof text !== "string") throw new TypeError(`Cannot read address: it is no string; write ${FORMS}`);
  const [, path] = /^(?:unix:(?:\/\/(?=\/))?|(?=\.{0,2}\/))([^\0]+)$/.exec(text) ?? [];
  if (path !== undefined) {
    const fault = pathFault(path);
    if (fault !== undefined) throw new RangeError(`Cannot read address: ${fault}`);
    return { path: path.replace(/^@/, "\0") };
  }
  const [, fd] = /^fd:(\d{1,9})$/.exec(text) ?? [];
  if (fd !== undefined) return { fd: Number(fd) };
  const [, ipv6, name, port] = /^(?:(?:\[([^\]]*)\]|([^:]+)):)?(\d{1,9})$/.exec(text) ?? [];
  const hostname = ipv6 ?? name ?? "127.0.0.1";
  if (port === undefined || !(ipv6 === undefined ? HOSTNAME : IPV6).test(hostname)) {
    throw new TypeError(`Cannot read address: ${JSON.stringify(text)} is not an address; write ${FORMS}`);
  }
  if (Number(port) > 65_535) throw new RangeError(`Cannot read address: port is ${port}, not 0 to 65535`);
  return { hostname, port: Number(port) };
}

/** Writes an address such that {@linkcode parseAddress} reads it. */
export function formatAddress(address: Address): string {
  if ("path" in address) return `unix:${address.path.replace(/^\0/, "@")}`;
  if ("fd" in address) return `fd:${address.fd}`;
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** What is wrong with the path of a unix socket, if anything. A NUL in front makes it an abstract name of Linux. */
export function pathFault(path: string): string | undefined {
  const bytes = new TextEncoder().encode(path).length;
  if (bytes === 0 || bytes > MAX_PATH_BYTES) {
    return `the path has ${bytes} bytes; choose one of 1 to ${MAX_PATH_BYTES}`;
  }
  return path.includes("\0", 1) ? "the path has a NUL in it" : undefined;
}

/** Whether this can be the name or IP address of a machine, IPv6 without brackets. */
export function isHostname(hostname: string): boolean {
  return HOSTNAME.test(hostname) || IPV6.test(hostname);
}
