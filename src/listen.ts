/** Opens the door of a server: where it listens, which peers may come in, and what the console says of both. */

import { formatAddress } from "./runtime/address.ts";
import { detectRuntime } from "./runtime/detect.ts";
import { readVariable } from "./runtime/environment.ts";
import { isCgi, mayBeCgi } from "./runtime/cgi_variables.ts";
import { mayBeConnected, mayMissSystemd, systemdFd } from "./runtime/inherited_fd.ts";
import type { Accept, Addr, Listener, ListenOptions, Runtime, TransportSink } from "./runtime/transport.ts";
import { isLoopback, PeerList } from "./server/peer_list.ts";
import type { Place } from "./server/listen_options.ts";
import type { ServeOptions, Settings } from "./server/server_options.ts";

/** FastCGI 1.0 §3.2. */
const WEB_SERVER_ADDRS = "FCGI_WEB_SERVER_ADDRS";
/** Refused addresses that the console names; a scan from many must not fill memory or log. */
const MAX_REFUSED = 100;

interface NamedList {
  readonly name: string;
  readonly list: PeerList;
}

/**
 * Listens; without a named address on the socket that the process was started with, if there is one. A process that was
 * started as CGI, without a socket, has one request to answer instead.
 */
export async function listen(
  place: Place,
  settings: Settings,
  onListen: ServeOptions["onListen"],
  accept: Accept,
): Promise<Listener> {
  const runtime = await detectRuntime();
  const { where, named, handed } = place;
  if (!named && isCgi() && (runtime.inheritedFd() === undefined || mayBeConnected())) {
    // Nothing may be written to standard output but the response.
    return (await import("./cgi_process.ts")).serveCgiRequest(accept);
  }
  const lists = peerLists(settings.allowedPeers);
  const admit = lists.length === 0 ? accept : admitOnly(lists, accept);
  const listener = await (named ? runtime.listen(where, admit) : listenAnywhere(runtime, where, admit));
  if (!handed) warnOf(listener.addr, place, settings);
  try {
    if (onListen !== undefined) onListen(listener.addr);
    else if (!settings.quiet) console.log(`webfcgi: listening on ${textOf(listener)}`);
  } catch (error) {
    await listener.close();
    throw error;
  }
  return listener;
}

/** Says on the console what may be wrong with an address that is listened on. */
export function warnOf(addr: Addr, { where, named }: Place, { allowedPeers }: Settings): void {
  if (named && where.fd === undefined) warnOfSystemd(addr);
  if (peerLists(allowedPeers).length === 0) warnOfStrangers(addr);
}

async function listenAnywhere(runtime: Runtime, fallback: ListenOptions, accept: Accept): Promise<Listener> {
  const fd = runtime.inheritedFd();
  if (fd !== undefined) {
    try {
      return await runtime.listen({ fd }, accept);
    } catch (error) {
      // Deno without the permission to read /proc cannot tell a parent's pipe on descriptor 0 from a listening socket.
      if (fd !== 0) throw error;
    }
  }
  if (mayMissSystemd()) {
    const flags = "--allow-env=LISTEN_FDS,LISTEN_PID";
    const orCgi = mayBeCgi() ? "; if a web server starts this as CGI, with --allow-env" : "";
    console.warn(`webfcgi: if systemd offers a socket, run Deno with ${flags}, or it is not found${orCgi}`);
  } else if (mayBeCgi()) {
    console.warn("webfcgi: if a web server starts this as CGI, run Deno with --allow-env");
  }
  return runtime.listen(fallback, accept);
}

function peerLists(allowedPeers: PeerList | undefined): NamedList[] {
  const lists: NamedList[] = allowedPeers === undefined ? [] : [{ name: "allowedPeers", list: allowedPeers }];
  const addresses = readVariable(WEB_SERVER_ADDRS)?.split(",").map((it) => it.trim()).filter((it) => it !== "") ?? [];
  if (addresses.length > 0) lists.push({ name: WEB_SERVER_ADDRS, list: PeerList.parse(WEB_SERVER_ADDRS, addresses) });
  return lists;
}

/** Closes the connections of peers that are not in all lists. */
function admitOnly(lists: readonly NamedList[], accept: Accept): Accept {
  const told = new Set<string>();
  return (transport) => {
    const { remoteAddr } = transport;
    const missing = lists.find(({ list }) => !list.has(remoteAddr));
    if (missing === undefined) return accept(transport);
    transport.close();
    const peer = remoteAddr.transport === "tcp" ? remoteAddr.hostname : "a unix socket";
    // A peer that has gone already has no address.
    if (peer !== "" && !told.has(peer) && told.size < MAX_REFUSED) {
      told.add(peer);
      console.error(`webfcgi: refused the connections of ${peer}: it is not in ${missing.name}`);
    }
    return DEAF;
  };
}

const DEAF: TransportSink = { received() {}, ended() {}, drained() {}, closed() {} };

function warnOfSystemd(addr: Addr): void {
  if (systemdFd() === undefined) return;
  const remedy = "name no address to use it";
  console.warn(`webfcgi: systemd offers a socket (LISTEN_FDS), but the options name ${formatAddress(addr)}; ${remedy}`);
}

function warnOfStrangers(addr: Addr): void {
  if (addr.transport !== "tcp" || isLoopback(addr.hostname)) return;
  const danger = "other machines may connect, and are believed any client address and user";
  console.warn(
    `webfcgi: on ${formatAddress(addr)} ${danger}; name the web server in allowedPeers (webfcgi serve: --allow-peers)`,
  );
}

function textOf({ addr, access }: Listener): string {
  return access === undefined ? formatAddress(addr) : `${formatAddress(addr)} (${access})`;
}
