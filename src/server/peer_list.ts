/** Which peers may connect: IP addresses and ranges (RFC 4632, RFC 4291). */

import { show } from "../options.ts";
import type { Addr } from "../runtime/transport.ts";

interface Range {
  /** 16 bytes, those of an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2). */
  readonly bytes: Uint8Array;
  /** Number of leading bits that must match. */
  readonly bits: number;
}

/** A list of addresses and ranges. A peer without an IP address is in none. */
export class PeerList {
  readonly #ranges: readonly Range[];

  private constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  /**
   * Reads `"10.0.0.7"`, `"10.0.0.0/8"`, `"::1"`, `"fd00::/8"`; `name` is where they stand.
   *
   * @throws {TypeError} If one is neither an address nor a range.
   */
  static parse(name: string, entries: readonly string[]): PeerList {
    if (!Array.isArray(entries)) {
      throw new TypeError(`Cannot serve: ${name} is ${show(entries)}; write an array of addresses`);
    }
    return new PeerList(entries.map((entry: unknown) => {
      const range = typeof entry === "string" ? parseRange(entry) : undefined;
      if (range !== undefined) return range;
      const forms = 'write IP addresses or ranges, such as "10.0.0.7", "10.0.0.0/8" or "fd00::/8"';
      throw new TypeError(`Cannot serve: ${name} has ${show(entry)} in it; ${forms}`);
    }));
  }

  /** Whether the peer's address is in the list. */
  has(addr: Addr): boolean {
    const bytes = addr.transport === "tcp" ? parseIp(addr.hostname.replace(/%.*/, "")) : undefined;
    return bytes !== undefined && this.#ranges.some((range) => sharesPrefix(bytes, range));
  }
}

/** Whether only this machine reaches the address. */
export function isLoopback(hostname: string): boolean {
  if (hostname === "localhost") return true;
  const bytes = parseIp(hostname);
  return bytes !== undefined && LOOPBACK.some((range) => sharesPrefix(bytes, range));
}

const LOOPBACK = ["127.0.0.0/8", "::1"].map((entry) => parseRange(entry) as Range);

function sharesPrefix(bytes: Uint8Array, { bytes: others, bits }: Range): boolean {
  for (let at = 0; at * 8 < bits; at++) {
    const mask = 0xff << Math.max(0, 8 - (bits - at * 8));
    if (((bytes[at]! ^ others[at]!) & mask & 0xff) !== 0) return false;
  }
  return true;
}

function parseRange(text: string): Range | undefined {
  const [, address, length] = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const bytes = address === undefined ? undefined : parseIp(address);
  if (bytes === undefined) return undefined;
  const least = address!.includes(":") ? 0 : 96;
  const bits = length === undefined ? 128 : least + Number(length);
  return bits > 128 ? undefined : { bytes, bits };
}

function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text, [0, 0, 0, 0, 0, 0xffff]);
}

/** Reads four numbers behind what stands in front of them, in 16 bits each. */
function parseIpv4(text: string, before: readonly number[]): Uint8Array | undefined {
  // No leading zeros: some read them as octal.
  const parts = /^(?:(?:0|[1-9]\d{0,2})(?:\.(?!$)|$)){4}$/.test(text) ? text.split(".").map(Number) : [];
  const [a = 256, b = 256, c = 256, d = 256] = parts;
  if (Math.max(a, b, c, d) > 255 || before.length !== 6) return undefined;
  return bytesOf([...before, a << 8 | b, c << 8 | d]);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const last = text.lastIndexOf(":");
  if (text.includes(".", last)) {
    const front = parseIpv6(`${text.slice(0, last + 1)}0:0`);
    return front && parseIpv4(text.slice(last + 1), [...words(front)].slice(0, 6));
  }
  const halves = text.split("::");
  const groups = halves.map((half) => half === "" ? [] : half.split(":"));
  if (halves.length > 2 || !groups.flat().every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  const [front = [], back] = groups;
  const zeros = 8 - front.length - (back?.length ?? 0);
  if (back === undefined ? zeros !== 0 : zeros < 1) return undefined;
  return bytesOf([...front, ...Array<string>(zeros).fill("0"), ...back ?? []].map((group) => parseInt(group, 16)));
}

function bytesOf(groups: readonly number[]): Uint8Array {
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function words(bytes: Uint8Array): number[] {
  return Array.from({ length: 8 }, (_, at) => bytes[2 * at]! << 8 | bytes[2 * at + 1]!);
}
