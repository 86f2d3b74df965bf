export function bridgeCommand(_: unknown): Promise<number> {
  return Promise.resolve(0);
}
