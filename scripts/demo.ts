/**
 * A page that shows what FastCGI is, with nothing else installed: an HTTP server on a free local port speaks FastCGI to
 * an application over a real socket, as a web server would. With an address, only the application: for a web server of
 * one's own.
 *
 * ```sh
 * deno task demo
 * deno task demo 127.0.0.1:9000
 * ```
 */

import { serve } from "../mod.ts";
import { bridge } from "../src/bridge.ts";
import { createClient } from "../src/client.ts";
import { parseAddress } from "../src/runtime/address.ts";
import { createApplication } from "./demo/application.ts";
import { Relay } from "./demo/relay.ts";

const [given] = Deno.args;
const relay = new Relay();
const application = serve({ port: 0, quiet: true }, createApplication(relay));
await application.ready;

const address = parseAddress(given ?? "127.0.0.1:0");
if (!("port" in address)) throw new TypeError(`Cannot listen on ${given}: write a TCP address such as 127.0.0.1:9000`);
// What the web server speaks to: everything passes through here, and is shown.
const listener = Deno.listen(address);
relay.serve(listener, () => Deno.connect(application.addr));
const where = `${address.hostname}:${listener.addr.port}`;

if (given === undefined) {
  const client = createClient(where, { serverSoftware: "webfcgi demo" });
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: (door) =>
      console.log(`
  Open      http://localhost:${door.port}/
  It is     a FastCGI application on ${where}, behind Deno.serve and a FastCGI client
  Next      put a web server in their place: deno task demo 127.0.0.1:9000, and README.md's lines for nginx
  Stop      Ctrl-C
`),
  }, bridge(client));
} else {
  console.log(`
  It is     a FastCGI application on ${where}
  Next      lead a web server to it, and open the web server's URL: README.md has the lines for nginx
  Stop      Ctrl-C
`);
}
