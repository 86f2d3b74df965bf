/** Where a request comes from, as whatever stands before the bridge tells it. */

/**
 * What a handler is told beside the request: by `Deno.serve` and by `serve`, by `Bun.serve`, by `@hono/node-server`, or
 * by a handler of your own.
 */
export interface BridgeInfo {
  /** The client's address: text, or as Deno spells it. */
  readonly remoteAddr?:
    | string
    | { readonly transport?: string; readonly hostname?: string | undefined; readonly port?: number | undefined }
    | undefined;
  /** The client's port, where `remoteAddr` is text. */
  readonly remotePort?: number | undefined;
  /** Bun's server tells by a method. */
  requestIP?(request: Request): { readonly address: string; readonly port: number } | null;
  /** Node's own request. */
  readonly incoming?:
    | { readonly socket: { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined } }
    | undefined;
}

/** REMOTE_ADDR and REMOTE_PORT, as far as they are known. */
export interface ClientAddress {
  readonly remoteAddr?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Reads the client's address. Header fields are not asked: whoever sends them can write into them what he likes. */
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

function address(remoteAddr: string | undefined, remotePort: number | undefined): ClientAddress {
  // On sockets for both, Node and Bun write IPv4 addresses as IPv6 ones; no list of addresses in an application does.
  return { remoteAddr: remoteAddr?.replace(/^::ffff:(?=\d+\.)/i, ""), remotePort };
}
