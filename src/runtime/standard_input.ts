/**
 * A listening socket that is a Node process's standard input, as FastCGI's own convention has it (§2.2).
 *
 * When Node ends it gives its standard streams the flags that they had when it began. O_NONBLOCK belongs to the socket
 * and not to the descriptor, so that where several processes share it (`spawn-fcgi -F`, lighttpd's `max-procs`) the
 * others would sleep in accept(2) from then on, together with their requests. Once descriptor 0 is another file, Node
 * leaves the socket alone.
 */

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { basename } from "node:path";
import process from "node:process";

/** Sends back the first handle that it is sent. */
const ECHO = `process.on("message", (_, handle) => process.send("", handle, () => process.disconnect()))`;
const MAX_ECHO_MS = 10_000;

/** What `net.Server.listen` takes. */
export interface ListenHandle {
  close(): void;
}

/**
 * Another descriptor for the socket on descriptor 0. Node has no dup(2), but what is sent to another process and back
 * is a duplicate: that takes 30 ms. Resolves to undefined where that is impossible.
 */
export async function duplicateStandardInput(): Promise<ListenHandle | undefined> {
  // A program that Node is built into would be started a second time instead.
  if (!basename(process.execPath).startsWith("node")) return undefined;
  try {
    const socket = new Socket({ fd: 0, readable: false, writable: false });
    const duplicate = await echo((socket as unknown as { readonly _handle: ListenHandle })._handle);
    // Node closes no standard stream.
    await new Promise((resolve) => socket.once("close", resolve).destroy());
    return duplicate;
  } catch {
    return undefined;
  }
}

function echo(handle: ListenHandle): Promise<ListenHandle | undefined> {
  const child = spawn(process.execPath, ["-e", ECHO], { stdio: ["ignore", "ignore", "ignore", "ipc"], env: {} });
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), MAX_ECHO_MS);
    child.on("message", (_, duplicate) => resolve(duplicate as unknown as ListenHandle | undefined));
    for (const event of ["error", "close"]) {
      child.on(event, () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    }
    child.send("", handle as unknown as Socket, { keepOpen: true }, () => {});
  });
}

/** Puts the null device in the place of standard input. */
export function closeStandardInput(): void {
  closeSync(0);
  // The lowest free number: 0, unless another thread has just opened a file.
  const fd = openSync("/dev/null", "r");
  if (fd !== 0) closeSync(fd);
}
