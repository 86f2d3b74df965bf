/** Tells systemd that the application serves, where its unit waits for that (`Type=notify`). */

import { spawn } from "node:child_process";
import { readVariable } from "../runtime/environment.ts";
import { errorLine } from "./console.ts";
import { messageOf } from "./failure.ts";

const PROGRAM = "systemd-notify";

/** Says `READY=1` on the socket that systemd has named, if it has. Node has no such sockets: a program of systemd's does. */
export function notifyReady(): void {
  if (!readVariable("NOTIFY_SOCKET")) return;
  const fail = (why: string): void =>
    errorLine(`systemd is not told that the application serves: ${PROGRAM} ${why}; or write Type=exec in the unit`);
  try {
    // Without --no-block it would wait for an answer.
    const child = spawn(PROGRAM, ["--ready", "--no-block"], { stdio: "ignore" });
    child.once("error", (error) => fail(`cannot be started: ${messageOf(error)}`));
    child.once("exit", (code) => code === 0 || fail(`ended with ${code}`));
    child.unref();
  } catch (error) {
    fail(`cannot be started: ${messageOf(error)}`);
  }
}
