/** Names and numbers of users and groups, by the system's own files. */

import { ExplainedError } from "./socket_error.ts";

/** What is needed of the file system. */
export interface UserFiles {
  /** The content of a text file. */
  readText(path: string): string;
}

/** The number of a group. @throws {Error} If there is no such group, or the system's list cannot be read. */
export function findGroup(group: string | number, files: UserFiles): number {
  if (/^\d+$/.test(String(group))) return Number(group);
  let groups: string;
  try {
    groups = files.readText("/etc/group");
  } catch (error) {
    const why = (error as Error).name === "NotCapable"
      ? "Deno needs --allow-read=/etc/group"
      : (error as Error).message;
    throw new ExplainedError(`group ${group} cannot be looked up: ${why}; or give its number`);
  }
  const found = entries(groups).find(([name]) => name === group)?.[2];
  if (found === undefined) {
    throw new ExplainedError(`there is no group ${group} in /etc/group; if it is elsewhere, give its number`);
  }
  return Number(found);
}

/** Owner, group and mode of a file, for people: `"mode 0660, owner app, group www-data"`. */
export function ownership(
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  files: UserFiles,
): string {
  const owner = nameOf(uid, "/etc/passwd", files);
  const group = nameOf(gid, "/etc/group", files);
  return `mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, owner ${owner}, group ${group}`;
}

function nameOf(id: number, path: string, files: UserFiles): string {
  try {
    return entries(files.readText(path)).find((fields) => fields[2] === String(id))?.[0] ?? String(id);
  } catch {
    return String(id);
  }
}

/** Both files have the name first and the number third (passwd(5), group(5)). */
function entries(text: string): string[][] {
  return text.split("\n").map((line) => line.split(":"));
}

/** A user of the system. */
export interface User {
  /** The name. */
  readonly name: string;
  /** The number. */
  readonly uid: number;
  /** The number of the user's own group. */
  readonly gid: number;
}

/** Finds a user by name or number. @throws {Error} If there is none, or the system's list cannot be read. */
export function findUser(user: string, files: UserFiles): User {
  const found = entries(files.readText("/etc/passwd"))
    .find(([name, , uid]) => name !== "" && (name === user || uid === user));
  if (found === undefined) throw new ExplainedError("there is no such user in /etc/passwd");
  return { name: found[0]!, uid: Number(found[2]), gid: Number(found[3]) };
}
