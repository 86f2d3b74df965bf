/** Recognises peers that connect to a FastCGI port by mistake: a browser, `proxy_pass`, or anything with TLS. */

import { statusPage } from "../cgi/status_page.ts";
import { decodeLatin1 } from "../protocol/latin1.ts";

const httpStart = /^[A-Z][A-Z-]+ /;
const ADVICE = "this port speaks FastCGI, not HTTP: use fastcgi_pass, not proxy_pass";

/** How to react to a peer that does not speak FastCGI. */
export interface WrongProtocol {
  /** What the peer speaks instead. */
  readonly mistake: "HTTP" | "TLS";
  /** A line for the server's operator. */
  readonly message: string;
  /** An answer that the peer understands; undefined if there is none. */
  readonly answer: Uint8Array | undefined;
}

/** Recognises HTTP and TLS by the first bytes of a connection. */
export function recognise(start: Uint8Array): WrongProtocol | undefined {
  // TLS: a handshake record (22) of version 3.x.
  if (start[0] === 0x16 && start[1] === 0x03) {
    const message = "Cannot serve a connection that begins with TLS: this port speaks FastCGI, without TLS";
    return { mistake: "TLS", message, answer: undefined };
  }
  const line = decodeLatin1(start.subarray(0, 32));
  if (!httpStart.test(line)) return undefined;
  // HTTP/2 with prior knowledge reads no answer of HTTP/1.1, but people see it in a trace.
  const page = statusPage(line.startsWith("PRI ") ? 505 : 400);
  const body = `${ADVICE.charAt(0).toUpperCase()}${ADVICE.slice(1)}.\n`;
  const head =
    `HTTP/1.1 ${page.status} ${page.statusText}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}`;
  const answer = new TextEncoder().encode(`${head}\r\nConnection: close\r\n\r\n${body}`);
  return {
    mistake: "HTTP",
    message: `Cannot serve a connection that begins with ${JSON.stringify(line.split(" ")[0])}: ${ADVICE}`,
    answer,
  };
}
