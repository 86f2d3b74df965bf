/** The addresses of peers. */

import type { NetAddr, UnixAddr } from "./transport.ts";

/** The peer on a unix socket, which has no name. */
export const UNNAMED: UnixAddr = { transport: "unix", path: "" };

/** The peer of a TCP socket. One that has left already has no address: `""`, which no list of allowed peers has. */
export function peerAddr({ remoteAddress = "", remotePort = 0 }: PeerSocket): NetAddr {
  return { transport: "tcp", hostname: remoteAddress, port: remotePort };
}

interface PeerSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}
