export function statusCommand(_: unknown): Promise<number> {
  return Promise.resolve(0);
}
