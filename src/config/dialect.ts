/** What a web server's file in this folder says of it. */

import type { ConfigFile } from "./config_file.ts";
import type { Site } from "./site.ts";

/** The web servers that are known. */
export type WebServerName = "nginx" | "apache" | "fcgid" | "lighttpd" | "caddy" | "haproxy" | "h2o";

/** What an application may need of the web server in front of it. */
export type Need =
  /** Requests reach the application. */
  | "address"
  /** The application knows where the path that it is mounted under ends. */
  | "mount"
  /** The mount itself is the application's, and a path that only begins with the same letters is not. */
  | "prefix"
  /** The web server itself serves the files of some folders, and only those. */
  | "static"
  /** `request.url` has the host and port that the client has asked for. */
  | "host"
  /** `request.url` begins with `https:` when TLS ends in front of the web server. */
  | "https"
  /** The client's address arrives when there is a balancer in front of the web server. */
  | "client-address"
  /** The Authorization header arrives. */
  | "authorization"
  /** A path with `%2F` arrives as it is. */
  | "encoded-slash"
  /** Uploads of a certain size pass. */
  | "upload"
  /** Uploads without a length pass. */
  | "chunked-upload"
  /** A long request header passes. */
  | "request-head"
  /** A long response header passes. */
  | "response-head"
  /** Server-sent events leave as they are written. */
  | "events"
  /** Every response leaves as it is written. */
  | "stream"
  /** Connections to the application are used again. */
  | "kept"
  /** A response may take its time. */
  | "slow"
  /** The application's own check answers first, and is asked for its own URL. */
  | "subrequest";

/** Lines of configuration, and where they belong. */
export interface ConfigLines {
  /** The block or section, in the web server's own words, such as `location`; `application`: an option of `serve`. */
  readonly place: string;
  /** One line, or several that stay together. */
  readonly text: string;
}

/** What a need is written like; no lines if the web server does it by itself, a sentence if it cannot. */
export type Answer = readonly ConfigLines[] | string;

/** A web server's way to say things. */
export interface Dialect {
  readonly needs: Readonly<Record<Need, Answer | ((site: Site) => Answer)>>;
  /** Puts lines into their places, in the files where they belong. */
  readonly files: (site: Site, at: Places) => ConfigFile[];
  /** What it must have loaded that Debian's package does not load by itself. */
  readonly modules?: (site: Site) => string[];
  readonly check: (site: Site) => string[];
  readonly load: string;
}

/** The lines that belong to a place. */
export type Places = (place: string) => string[];

/** Lines for a place, which stay together. */
export function at(place: string, ...lines: string[]): ConfigLines {
  return { place, text: lines.join("\n") };
}

/** Moves lines to the right. */
export function indent(lines: readonly string[], by = "    "): string[] {
  return lines.map((text) => text.replaceAll(/^(?=.)/gm, by));
}

/** A block in braces. */
export function braces(head: string, lines: readonly string[], by?: string): string {
  return [`${head} {`, ...indent(lines, by), "}"].join("\n");
}

/** Puts lines before blocks. */
export function linesFirst(blocks: readonly string[]): string[] {
  const isBlock = (text: string): boolean => text.includes("\n");
  return [...blocks.filter((text) => !isBlock(text)), ...blocks.filter(isBlock)];
}

/** Puts an empty line before each block, and after it. */
export function spaced(blocks: readonly string[]): string[] {
  return blocks.flatMap((text, index) => {
    const isBlock = text.includes("\n") || blocks[index - 1]?.includes("\n");
    return index > 0 && isBlock ? ["", text] : [text];
  });
}
