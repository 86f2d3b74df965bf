/**
 * The options of a configuration, and what they amount to.
 *
 * Every text is checked here against the letters that mean nothing in any of the formats, so that nothing has to be
 * quoted further on and no value can end a line or a block.
 */

import { checkNames } from "../options.ts";
import { type Address, formatAddress, parseAddress } from "../runtime/address.ts";

/** A folder that the web server itself serves. */
export interface StaticFolder {
  /** Its path in URLs, as in `"/static/"`. */
  url: string;
  /** Where it lies, as in `"/srv/app/static"`. */
  folder: string;
}

/** What a configuration is to be written for. */
export interface WebServerConfigOptions {
  /**
   * Where the application listens, as `serve` takes it: `"9000"`, `"127.0.0.1:9000"`, `"/run/app.sock"`. Several are
   * balanced. `%n` in a path stands for 1, 2 and so on, as far as `workers`.
   *
   * @default {"127.0.0.1:9000"}
   */
  listen?: string | readonly string[];
  /** The path that the application is served under, as in `"/app"`. Without it, that is the root. */
  mount?: string;
  /** Folders that the web server itself serves. */
  static?: readonly StaticFolder[];
  /**
   * The name that the site is asked for by, and its port if that is not 80, as in `"example.com:8080"`. Without it,
   * nginx and Apache answer to `localhost`, because Debian's default site has the other names; the rest to every name.
   */
  host?: string;
  /** The largest upload, in bytes or as in `"20M"`. */
  upload?: number | string;
  /** The longest header, of requests and responses, in bytes or as in `"32k"`: from 8k to 63k. */
  header?: number | string;
  /** Whether every response leaves as it is written; events do in any case. */
  stream?: boolean;
  /** Addresses of the proxies in front that are believed to know the client, as in `"10.0.0.0/8"`. */
  trustProxy?: string | readonly string[];
  /** How many processes serve. */
  workers?: number;
  /** What starts the application, for what starts it: systemd, containers, mod_fcgid. */
  command?: string;
  /** How many seconds the application may be silent. */
  timeoutSeconds?: number;
  /** The path of a check that is asked before the application, and lets through by a 2xx. */
  auth?: string;
}

/** Where an application listens that a web server can connect to. */
export type SiteAddress = Extract<Address, { hostname: string } | { path: string }>;

/** What the options amount to. */
export interface Site {
  /** A word for names, made of host and mount. */
  readonly name: string;
  readonly addresses: readonly SiteAddress[];
  /** `""` at the root, else without a slash at its end. */
  readonly mount: string;
  /** Both with a slash at the end. */
  readonly folders: readonly Readonly<StaticFolder>[];
  readonly host: string | undefined;
  readonly port: number;
  readonly upload: number | undefined;
  readonly header: number | undefined;
  readonly stream: boolean;
  readonly proxies: readonly string[];
  readonly workers: number | undefined;
  readonly command: readonly string[];
  readonly timeoutSeconds: number | undefined;
  readonly auth: string | undefined;
}

const PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.+@~-]+)+$/;
const URL_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+$/;
const HOST =
  /^(?=.{1,253}$)((?:[\dA-Za-z](?:[\dA-Za-z-]{0,61}[\dA-Za-z])?\.)*[\dA-Za-z](?:[\dA-Za-z-]{0,61}[\dA-Za-z])?)(?::(\d{1,5}))?$/;
const WORD = /^[\w./:=@,+%~-]+$/;

const OPTIONS: Readonly<Record<keyof WebServerConfigOptions, true>> = {
  listen: true,
  mount: true,
  static: true,
  host: true,
  upload: true,
  header: true,
  stream: true,
  trustProxy: true,
  workers: true,
  command: true,
  timeoutSeconds: true,
  auth: true,
};

/** Reads the options. */
export function readSite(options: WebServerConfigOptions): Site {
  checkNames("Cannot write configuration", options, Object.keys(OPTIONS));
  const mount = urlPath("mount", options.mount ?? "");
  const [host, port] = readHost(options.host);
  const words = [host ?? "", mount].join("").split(/\W+/).filter((word) => word !== "");
  const listen = list(options.listen ?? "127.0.0.1:9000");
  if (listen.length === 0) throw refuse("listen", listen, "write at least one address");
  const workers = options.workers === undefined ? undefined : whole("workers", options.workers, 1, 1024);
  const { header, upload, timeoutSeconds } = options;
  return {
    // Some names must not begin with a digit.
    name: words.join("_").replace(/^(?=\d)/, "app_") || "app",
    addresses: listen.flatMap((text) => readAddresses(text, workers)),
    mount,
    folders: readFolders(options.static ?? [], mount),
    host,
    port,
    upload: upload === undefined ? undefined : bytes("upload", upload, 1024, 1024 ** 4),
    header: header === undefined ? undefined : bytes("header", header, 8 * 1024, 63 * 1024),
    stream: options.stream ?? false,
    proxies: list(options.trustProxy ?? []).map(readNetwork),
    workers,
    command: readCommand(options.command),
    timeoutSeconds: timeoutSeconds === undefined ? undefined : whole("timeoutSeconds", timeoutSeconds, 1, 86_400),
    auth: readAuth(options.auth, mount),
  };
}

/** The command line that means the options. */
export function commandLine(target: string, options: WebServerConfigOptions): string {
  const site = readSite(options);
  const { host, port } = site;
  const words = [
    ...list(options.listen ?? []).map((text) => `--listen ${text}`),
    ...site.mount === "" ? [] : [`--mount ${site.mount}`],
    ...site.folders.map(({ url, folder }) => `--static ${url}=${folder}`),
    ...options.host === undefined ? [] : [`--host ${host}${port === 80 ? "" : `:${port}`}`],
    ...options.upload === undefined ? [] : [`--upload ${options.upload}`],
    ...options.header === undefined ? [] : [`--header ${options.header}`],
    ...site.stream ? ["--stream"] : [],
    ...site.proxies.map((network) => `--trust-proxy ${network}`),
    ...site.workers === undefined ? [] : [`--workers ${site.workers}`],
    ...site.command.length === 0 ? [] : [`--command "${site.command.join(" ")}"`],
    ...site.timeoutSeconds === undefined ? [] : [`--timeout ${site.timeoutSeconds}`],
    ...site.auth === undefined ? [] : [`--auth ${site.auth}`],
  ];
  return ["webfcgi config", target, ...words].join(" ");
}

/** The error of an option. */
export function refuse(option: string, value: unknown, why: string): TypeError {
  return new TypeError(`Cannot write configuration: ${option} is ${JSON.stringify(value)}; ${why}`);
}

function list<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

function readAddresses(text: string, workers: number | undefined): SiteAddress[] {
  if (text.includes("%n")) {
    if (workers === undefined) throw refuse("listen", text, "how many it stands for is said by workers");
    return Array.from({ length: workers }, (_, index) => readAddress(text.replaceAll("%n", String(index + 1))));
  }
  return [readAddress(text)];
}

function readAddress(text: string): SiteAddress {
  const address = parseAddress(text);
  if ("fd" in address) throw refuse("listen", text, "a web server needs an address that it can connect to");
  if ("path" in address) {
    const what = "the path of a socket is written in full, of the letters A-Z a-z 0-9 . _ + @ ~ -";
    if (!PATH.test(address.path)) throw refuse("listen", text, what);
    return address;
  }
  if (address.port === 0) throw refuse("listen", text, "a web server needs a port that it can connect to");
  const isHost = address.hostname.includes(":") ? isIpv6(address.hostname) : HOST.test(address.hostname);
  if (!isHost) throw refuse("listen", text, "its host is none");
  return address;
}

/** A path of a URL without a slash at its end. */
function urlPath(option: string, path: string): string {
  const bare = String(path).replace(/\/$/, "");
  if (bare === "") return "";
  if (!URL_PATH.test(bare)) throw refuse(option, path, "write a path such as /app, of the letters A-Z a-z 0-9 . _ ~ -");
  return bare;
}

function readFolders(folders: readonly StaticFolder[], mount: string): StaticFolder[] {
  const read = folders.map(({ url, folder }): StaticFolder => {
    const path = urlPath("static", url);
    const place = String(folder).replace(/\/$/, "");
    const what = "a folder is written in full, of the letters A-Z a-z 0-9 . _ + @ ~ -; a link can give it such a name";
    if (!PATH.test(place)) throw refuse("static", folder, what);
    if (path === mount) throw refuse("static", url, "that is where the application is");
    return { url: `${path}/`, folder: `${place}/` };
  });
  const twice = read.find(({ url }, index) => read.findIndex((other) => other.url === url) !== index);
  if (twice !== undefined) throw refuse("static", twice.url, "two folders have that URL");
  return read;
}

function readHost(text: string | undefined): [string | undefined, number] {
  if (text === undefined) return [undefined, 80];
  const [, host, digits] = HOST.exec(text) ?? [];
  if (host === undefined) throw refuse("host", text, "write a name such as example.com or example.com:8080");
  const port = Number(digits ?? 80);
  if (port === 443) throw refuse("host", text, "leave the port out, and let the web server's own tools add TLS");
  if (port < 1 || port > 65_535) throw refuse("host", text, "a port is a number from 1 to 65535");
  return [host, port];
}

function isIpv4(text: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) && text.split(".").every((part) => Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  return /^[\dA-Fa-f:]+$/.test(text) && URL.canParse(`http://[${text}]/`);
}

/** Whether a text is an address, or a network such as 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  const [, address = "", digits] = /^([\dA-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bits = isIpv4(address) ? 32 : isIpv6(address) ? 128 : 0;
  return bits > 0 && Number(digits ?? 1) <= bits && Number(digits ?? 1) >= 1;
}

function readNetwork(text: string): string {
  if (isNetwork(text)) return text;
  throw refuse("trustProxy", text, "write an address or a network such as 10.0.0.0/8");
}

function readAuth(path: string | undefined, mount: string): string | undefined {
  if (path === undefined) return undefined;
  const bare = urlPath("auth", path);
  if (!bare.startsWith(`${mount}/`)) throw refuse("auth", path, `write a path below ${mount}/`);
  return bare;
}

function readCommand(text: string | undefined): string[] {
  if (text === undefined) return [];
  const words = text.split(" ").filter((word) => word !== "");
  const isPlain = words.length > 0 && words.every((word) => WORD.test(word)) && /^[\w/]/.test(text);
  if (!isPlain) throw refuse("command", text, "write plain words; what needs quotes goes into a script");
  return words;
}

function whole(option: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`Cannot write configuration: ${option} is ${value}, not ${least} to ${most}`);
  }
  return value;
}

function bytes(option: string, value: number | string, least: number, most: number): number {
  if (typeof value === "number") return whole(option, value, least, most);
  const [, digits, unit = ""] = /^(\d{1,15})([kmgt]?)$/i.exec(value) ?? [];
  if (digits === undefined) throw refuse(option, value, "write a size such as 20M");
  return whole(option, Number(digits) * 1024 ** " kmgt".indexOf(unit.toLowerCase() || " "), least, most);
}

/** An address as most web servers write it. */
export function hostPort(address: SiteAddress): string {
  return formatAddress(address);
}

/** A size in the largest of the units that it has a whole number of. */
export function sized(size: number, units: readonly string[]): string {
  let [value, index] = [size, 0];
  while (value % 1024 === 0 && index < units.length - 1) [value, index] = [value / 1024, index + 1];
  return `${value}${units[index]}`;
}
