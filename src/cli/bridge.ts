/** `webfcgi bridge`: an HTTP server in front of a FastCGI application. */

import { statSync } from "node:fs";
import { bridge, type BridgeInfo, type BridgeOptions } from "../bridge.ts";
import { FastCgiClient } from "../client/fast_cgi_client.ts";
import { type Address, formatAddress, parseAddress } from "../runtime/address.ts";
import { type HttpInfo, type HttpServer, listenHttp } from "../runtime/http_server.ts";
import type { Arguments, Values } from "./arguments.ts";
import { shortPath, writeBanner } from "./banner.ts";
import type { BRIDGE } from "./commands.ts";
import { errorIsTerminal, errorLine, runtimeText, surviveClosedOutput } from "./console.ts";
import { EXIT, failureOf, messageOf } from "./failure.ts";
import { logFormat, observe, requestLogger } from "./request_log.ts";
import { drained, makeStop, onSignals } from "./signals.ts";
import { clientSettings, connector, usage } from "./upstream.ts";
import { VERSION } from "./version.ts";

type BridgeValues = Values<typeof BRIDGE.options>;

/** Serves until a signal ends it; resolves with the exit code. */
export async function bridgeCommand({ values, operands }: Arguments<typeof BRIDGE.options>): Promise<number> {
  const [address = ""] = operands;
  const settings = clientSettings("bridge", address);
  const where = readPort(values.port ?? "8080");
  const client = new FastCgiClient(settings, connector(settings.addr));
  const handler = makeHandler(client, values);
  const stop = makeStop(onSignals);
  surviveClosedOutput();
  silenceLegacyAbort();
  let server: HttpServer;
  try {
    server = await listenHttp(where, observe<HttpInfo>(handler, requestLogger(logFormat(values))));
  } catch (error) {
    throw failureOf(EXIT.listen, error);
  }
  if (!values.quiet) announce(server, address, values.root);
  const finished = drained(stop).then(() => server.shutdown()).then(() => EXIT.ok);
  const exitCode = await Promise.race([finished, stop.end]);
  await client.close();
  return exitCode;
}

function makeHandler(
  client: FastCgiClient,
  { root, "front-controller": controller, "https-proxy": https }: BridgeValues,
): (request: Request, info: HttpInfo) => Promise<Response> {
  if (root !== undefined && !statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw usage("bridge", `--root ${root} is no folder; name the one that has the site's files`);
  }
  const options: BridgeOptions = {
    ...(root === undefined ? {} : { root }),
    ...(controller === undefined ? {} : { frontController: readController(controller) }),
    ...(https ? { https } : {}),
  };
  try {
    const answer = bridge(client, options);
    return (request, info) => answer(request, info as BridgeInfo);
  } catch (error) {
    throw usage("bridge", messageOf(error));
  }
}

function readController(text: string): string | null {
  return text === "none" ? null : text === "app" ? "" : text;
}

function readPort(text: string): { readonly hostname: string; readonly port: number } {
  let address: Address | undefined;
  try {
    address = parseAddress(text);
  } catch {
    // Said below.
  }
  if (address !== undefined && "port" in address) return address;
  throw usage("bridge", `--port is ${JSON.stringify(text)}; write 8080, or 0.0.0.0:8080 for other machines too`);
}

function announce(server: HttpServer, address: string, root: string | undefined): void {
  const url = `http://${formatAddress(server).replace(/^(?:127\.0\.0\.1|0\.0\.0\.0)(?=:)/, "localhost")}/`;
  const site = root === undefined ? "" : ` with the files of ${shortPath(root)}`;
  if (!errorIsTerminal()) return errorLine(`webfcgi ${VERSION} (${runtimeText()}) bridges ${url} to ${address}${site}`);
  const rows = [["open", url], ["asks", address], ...(root === undefined ? [] : [["files", root]]), ["stop", "Ctrl+C"]];
  writeBanner(rows);
}

/**
 * Deno warns, of any look at `request.signal`, that it is aborted after a whole response too. That does the client here no
 * harm, and in this process, which runs no code of the user's, it can tell nobody anything.
 */
function silenceLegacyAbort(): void {
  const { warn } = console;
  console.warn = (...args) => {
    if (!String(args[0]).startsWith("Deno.serve: request.signal aborts")) warn(...args);
  };
}
