/** Leaving root: which user a process is to become, and becoming it. */

import { lchownSync, lstatSync } from "node:fs";
import process from "node:process";
import { findUser, type User } from "../runtime/user_names.ts";
import { unixFiles } from "../runtime/unix_files.ts";
import { messageOf } from "./failure.ts";
import type { OwnFile } from "./left_behind.ts";
import { usage } from "./serve_options.ts";

/** The user that `--user` names; `undefined` if the process is that user already. @throws {Failure} If it cannot be had. */
export function userToBecome(name: string | undefined): User | undefined {
  if (name === undefined) return undefined;
  let user: User;
  try {
    user = findUser(name, unixFiles);
  } catch (error) {
    throw usage(`--user ${name}: ${messageOf(error)}`);
  }
  const current = process.getuid?.();
  if (current === user.uid) return undefined;
  if (current !== 0) throw usage(`--user ${name}: only root may become another user; start it as root or as ${name}`);
  return user;
}

/** Gives files to a user, as if it had made them; with `hasGroup` they keep their group. */
export function giveFiles(files: readonly OwnFile[], user: User, hasGroup: boolean): void {
  // Not what a link leads to, whoever has put one there.
  for (const { path } of files) lchownSync(path, user.uid, hasGroup ? lstatSync(path).gid : user.gid);
}

/** Gives up root for good: groups first, while that may still be done. */
export function becomeUser({ name, uid, gid }: User): void {
  // Deno has no setgroups of its own, and initgroups on every runtime also sets the user's other groups.
  (process as { initgroups?(user: string, extraGroup: number): void }).initgroups?.(name, gid);
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (process.getuid?.() !== uid || process.geteuid?.() !== uid) throw new Error(`Cannot become user ${name}`);
}
