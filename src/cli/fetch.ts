export function fetchCommand(_: unknown): Promise<number> {
  return Promise.resolve(0);
}
