/** What is done with whole `Headers`. */

/** All fields, Set-Cookie last: the runtimes' Headers differ in where it comes. */
export function headerPairs(headers: Headers): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const pair of headers) if (pair[0] !== "set-cookie") pairs.push(pair);
  if (headers.has("set-cookie")) { for (const cookie of headers.getSetCookie()) pairs.push(["set-cookie", cookie]); }
  return pairs;
}

/** Makes the fields of one the fields of the other. */
export function copyHeaders(from: Headers, to: Headers): void {
  for (const [name] of [...to]) to.delete(name);
  for (const [name, value] of from) to.append(name, value);
}
