/** The checkout's folder, as a URL that ends in `/`. */
export const root: URL = new URL("../", import.meta.url);

/** Lists the files below a folder of the checkout (`"tests/"`) whose names end in `suffix`: sorted paths. */
export function listFiles(folder: string, suffix: string): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(new URL(folder, root))) {
    const path = folder + entry.name;
    if (entry.isDirectory) files.push(...listFiles(`${path}/`, suffix));
    else if (path.endsWith(suffix)) files.push(path);
  }
  return files.sort();
}
