/** Reads and copies whole `Headers`. */

/** All fields, Set-Cookie last: the runtimes' Headers differ in where it comes. */
export function headerPairs(headers: Headers): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  let cookies = false;
  // Cheaper than `for of`, by a third of a microsecond on Deno.
  headers.forEach((value, name) => {
    if (name === "set-cookie") cookies = true;
    else pairs.push([name, value]);
  });
  if (cookies) { for (const cookie of headers.getSetCookie()) pairs.push(["set-cookie", cookie]); }
  return pairs;
}

/** Makes the fields of one the fields of the other. */
export function copyHeaders(from: Headers, to: Headers): void {
  for (const [name] of [...to]) to.delete(name);
  for (const [name, value] of from) to.append(name, value);
}
