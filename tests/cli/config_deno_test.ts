import { webServerConfig } from "@webfcgi/webfcgi/config";
import { assertEquals, assertStringIncludes } from "../std/assert.ts";
import { onEach } from "./command.ts";

Deno.test("webfcgi config prints the configuration alone, and says elsewhere what to do with it", () =>
  onEach(async (scene) => {
    const line = "nginx -l 9000 -l 9001 --mount /app --static /static/=/srv/app/static --host example.com:8080 " +
      "--upload 20M --header 32k --stream --trust-proxy 10.0.0.0/8 --timeout 300 --auth /app/check";
    const { stdout, stderr, code } = await scene.run(["config", ...line.split(" ")]);
    const { text } = webServerConfig("nginx", {
      listen: ["9000", "9001"],
      mount: "/app",
      static: [{ url: "/static/", folder: "/srv/app/static" }],
      host: "example.com:8080",
      upload: "20M",
      header: "32k",
      stream: true,
      trustProxy: "10.0.0.0/8",
      timeoutSeconds: 300,
      auth: "/app/check",
    });
    assertEquals([stdout.trimEnd(), code], [text.trimEnd(), 0]);
    assertStringIncludes(stderr, "then: nginx -t && systemctl reload nginx");
    // The first line makes the same text again, too.
    const again = stdout.split("\n")[0]!.slice("# webfcgi ".length).split(" ");
    assertEquals((await scene.run(again)).stdout, stdout);
    for (const wrong of [["ngin"], ["nginx", "--workers", "two"], ["haproxy", "--static", "/static/=/srv"], []]) {
      const { code, stdout, stderr } = await scene.run(["config", ...wrong]);
      assertEquals([code, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], wrong.join(" "));
    }
  }));
