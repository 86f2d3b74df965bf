import { mediaType } from "../../src/bridge/media_type.ts";
import { assertEquals } from "../std/assert.ts";

for (
  const [path, type] of [
    ["/a/index.html", "text/html;charset=utf-8"],
    ["/A.CSS", "text/css;charset=utf-8"],
    ["/app.min.js", "text/javascript;charset=utf-8"],
    ["/a.svg", "image/svg+xml"],
    ["/a.tar.gz", "application/gzip"],
    ["/font.woff2", "font/woff2"],
    ["/a.jpeg", "image/jpeg"],
    ["/none", "application/octet-stream"],
    ["/a.html/none", "application/octet-stream"],
    ["/a.unknown", "application/octet-stream"],
    ["/a.", "application/octet-stream"],
    ["/a.constructor", "application/octet-stream"],
  ] as const
) {
  Deno.test(`mediaType is ${type} when the file is ${path}`, () => {
    assertEquals(mediaType(path), type);
  });
}
