/** Servers by themselves, behind nginx, and in front of PHP. */

import { freePort } from "../../tests/interop/web_server.ts";
import type { Load } from "./loads.ts";
import { type Contender, startServer } from "./measure.ts";
import type { Peer, RuntimePrograms } from "./servers.ts";
import { nginxCommand } from "./web_servers.ts";

/** Makes contenders whose sockets and configurations lie in one folder. */
export class Contenders {
  readonly #folder: string;
  #sockets = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A FastCGI server by itself. */
  direct({ name, keeps, command }: Omit<Peer, "version">): Contender {
    return {
      column: name,
      protocol: "fastcgi",
      keeps,
      start: async (stack, socket) => {
        const addr = socket === "unix" ? `${this.#folder}/${this.#sockets++}.sock` : freePort();
        return { addr, processes: [stack.use(await startServer(command(addr), addr))] };
      },
    };
  }

  /** Our server on a runtime, as the bundled `program` has it. */
  ours({ name, command }: RuntimePrograms, of: "FastResponse" | "Response", program = "app"): Contender {
    return this.direct({ name, keeps: true, command: (addr) => command(program, "fastcgi", of, addr) });
  }

  /** Some workers of `webfcgi serve`. */
  workers({ name, command }: RuntimePrograms, count: number): Contender {
    const app = `${this.#folder}/served.mjs`;
    return this.direct({
      name,
      keeps: true,
      command: (addr) =>
        command("cli", "serve", "--quiet", "--workers", String(count), "--listen", `unix:${addr}`, app),
    });
  }

  /** A server behind nginx. */
  behindNginx({ name }: RuntimePrograms, protocol: "fastcgi" | "http", command: Peer["command"]): Contender {
    return this.#fronted(name, async (stack) => {
      const addr = freePort();
      const server = stack.use(await startServer(command(addr), addr));
      const port = freePort();
      const folder = await Deno.makeTempDir({ dir: this.#folder });
      const nginx = stack.use(await startServer(nginxCommand(folder, port, protocol, addr), port));
      return { addr: port, processes: [server, nginx] };
    });
  }

  /** An HTTP server that passes requests on to PHP. */
  front(column: string, command: (port: number) => readonly string[]): Contender {
    return this.#fronted(column, async (stack) => {
      const addr = freePort();
      return { addr, processes: [stack.use(await startServer(command(addr), addr))] };
    });
  }

  #fronted(column: string, start: Contender["start"]): Contender {
    return { column, protocol: "http", keeps: true, start };
  }
}

/** The same contender, with its figures in the row that `suffix` makes of a load's, and only for some loads. */
export function inRow(contender: Contender, suffix: string, takes: (load: Load) => boolean = () => true): Contender {
  return { ...contender, row: (load) => load.row + suffix, takes };
}
