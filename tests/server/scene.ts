/** A server for one test, and what the tests of servers have in common. */

import type { Addr, Handlers, ServeOptions, Server } from "@webfcgi/webfcgi";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { serveBy } from "../../src/serve.ts";
import { bounded } from "../helpers/waiting.ts";
import { type Answer, type AskOptions, type ConnectOptions, WebServer } from "./web_server.ts";

/** What a test has of its server. */
export interface Scene {
  readonly server: Server;
  readonly addr: Addr;
  /** What `onError` was given. A test takes out what it expects: what is left at the end fails it. */
  readonly errors: unknown[];
  /** Opens a connection that is closed when the test ends. */
  connect(options?: ConnectOptions): Promise<WebServer>;
  /** Asks once, over a connection of its own that the application closes. */
  ask(options?: AskOptions): Promise<Answer>;
}

/** Options of a test's server, and its clock; port 0 unless they name a path. */
export type SceneOptions = ServeOptions & Partial<Handlers> & { clock?: Clock };

/** Defines a test that has a server. */
export function serveTest(name: string, options: SceneOptions, body: (scene: Scene) => Promise<void>): void {
  Deno.test(name, () => inScene(options, body));
}

/** Runs `body` with a server, and ends both. */
export async function inScene(
  { clock = systemClock, ...options }: SceneOptions,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  const webs: WebServer[] = [];
  const where = options.path === undefined ? { port: 0 } : {};
  const server = serveBy(clock, {
    ...where,
    quiet: true,
    onError: (error) => void errors.push(error),
    shutdownTimeoutMs: 1000,
    ...options,
  });
  await server.ready;
  const { addr } = server;
  const connect = async (how?: ConnectOptions): Promise<WebServer> => {
    const web = await WebServer.connect(addr, how);
    webs.push(web);
    return web;
  };
  try {
    await body({
      server,
      addr,
      errors,
      connect,
      async ask(asked = {}) {
        const web = await connect();
        const answer = web.ask({ keepConn: false, ...asked });
        const answered = await answer.answer();
        await web.untilEnded();
        await web.close();
        return answered;
      },
    });
  } finally {
    for (const web of webs) await web.close();
    await bounded(server.close(), "the server to close");
  }
  if (errors.length > 0) throw new AggregateError(errors, `onError was told: ${errors.map(String).join(", ")}`);
}
