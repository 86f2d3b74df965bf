/** What an HTTP server reports of a request's connection. */

/**
 * What a handler gets besides the request: from `Deno.serve` and from `serve`, from `Bun.serve`, from
 * `@hono/node-server`, or from a handler of your own.
 */
export interface BridgeInfo {
  /** The client's address: text, or as Deno spells it. */
  readonly remoteAddr?:
    | string
    | { readonly transport?: string; readonly hostname?: string | undefined; readonly port?: number | undefined }
    | undefined;
  /** The client's port, where `remoteAddr` is text. */
  readonly remotePort?: number | undefined;
  /** FastCGI parameters: where there are some, a web server vouches for the URL. */
  readonly params?: unknown;
  /** Node's own request. */
  readonly incoming?:
    | {
      readonly socket: {
        readonly remoteAddress?: string | undefined;
        readonly remotePort?: number | undefined;
        readonly encrypted?: boolean | undefined;
      };
    }
    | undefined;
  /** Bun's server: the client's address. */
  requestIP?(request: Request): { readonly address: string; readonly port: number } | null;
  /** Bun's server: sets how long the connection may be silent, in seconds. */
  timeout?(request: Request, seconds: number): void;
  /** Bun's server: what it speaks. */
  readonly protocol?: string | null | undefined;
  /** Bun's server: its own URL. */
  readonly url?: URL | undefined;
}

/** REMOTE_ADDR and REMOTE_PORT, as far as they are known. */
export interface ClientAddress {
  readonly remoteAddr?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** The longest silence that Bun allows, in seconds, but for none at all, which would outlast the request. */
const LONGEST_SILENCE = 255;

/** Reads the client's address. Header fields do not count: a client can write anything into them. */
export function clientAddress(request: Request, info: BridgeInfo): ClientAddress {
  const { remoteAddr, remotePort, incoming } = info;
  if (typeof remoteAddr === "string") return address(remoteAddr, remotePort);
  if (remoteAddr !== undefined) return address(remoteAddr.hostname, remoteAddr.port);
  if (incoming !== undefined) return address(incoming.socket.remoteAddress, incoming.socket.remotePort);
  const found = info.requestIP?.(request);
  if (found) return address(found.address, found.port);
  // srvx: on the request itself.
  return address((request as { readonly ip?: string | undefined }).ip, undefined);
}

/** Whether the client uses TLS; `undefined` where the server does not report it, as with `Deno.serve`. */
export function isTls({ incoming, protocol }: BridgeInfo): boolean | undefined {
  if (incoming !== undefined) return incoming.socket.encrypted === true;
  return typeof protocol === "string" ? protocol === "https" : undefined;
}

/** Keeps Bun, which ends what is silent for 10 seconds, from ending a request before the client's own time-outs do. */
export function allowSilence(request: Request, info: BridgeInfo): void {
  info.timeout?.(request, LONGEST_SILENCE);
}

function address(remoteAddr: string | undefined, remotePort: number | undefined): ClientAddress {
  // On sockets for both, Node and Bun write IPv4 addresses as IPv6 ones; no list of addresses in an application does.
  return { remoteAddr: remoteAddr?.replace(/^::ffff:(?=\d+\.)/i, ""), remotePort };
}
