/** A connection whose socket and clock are the test's own, for what is exact to the byte or takes long. */

import { Connection, type ConnectionHost } from "../../src/server/connection.ts";
import { resolveSettings } from "../../src/server/server_options.ts";
import { makeShared } from "../../src/server/shared.ts";
import type { Transport } from "../../src/runtime/transport.ts";
import type { SceneOptions } from "./scene.ts";

/** One connection, and the time that it is told. */
export class FakeConnection {
  readonly calls: string[] = [];
  readonly errors: unknown[] = [];
  /** What has been written to the socket. */
  readonly pieces: Uint8Array[] = [];
  paused = false;
  /** Whether the socket takes more than it has. */
  takes = true;
  readonly #host: { -readonly [Key in keyof ConnectionHost]: ConnectionHost[Key] };
  readonly connection: Connection;

  constructor(options: SceneOptions) {
    const nothing = (): void => {};
    const settings = resolveSettings(options);
    this.#host = {
      shared: makeShared(settings, [1]),
      settings,
      handlers: new Map([[1, options.fetch!]]),
      nowMs: 0,
      tryBeginRequest: () => true,
      endRequest: nothing,
      waitUntil: nothing,
      now: () => this.#host.nowMs,
      count: nothing,
      finish: nothing,
      reportError: (error) => {
        this.errors.push(error);
        return Promise.resolve(undefined);
      },
      reportMistake: () => true,
      holdParams: nothing,
      closed: nothing,
    };
    const call = (what: string, gives?: boolean) => (): never => {
      this.calls.push(what);
      return gives as never;
    };
    const transport: Transport = {
      remoteAddr: { transport: "unix", path: "" },
      write: (pieces) => {
        this.calls.push("write");
        this.pieces.push(...pieces.map((piece) => piece.slice()));
        return this.takes;
      },
      pause: () => void (this.paused = true),
      resume: () => void (this.paused = false),
      shutdown: call("shutdown", true),
      close: call("close"),
      reset: call("reset"),
      ref: nothing,
      unref: nothing,
    };
    this.connection = new Connection(transport, this.#host);
  }

  tick(ms: number): void {
    this.#host.nowMs += ms;
    this.connection.tick();
  }
}
