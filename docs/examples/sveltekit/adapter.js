import { rmSync, writeFileSync } from "node:fs";

/** Builds a SvelteKit site for `webfcgi serve build/server.js`; the web server serves build/client. */
export default function adapter({ out = "build" } = {}) {
  return {
    name: "webfcgi",
    adapt(builder) {
      rmSync(out, { recursive: true, force: true });
      builder.writeClient(`${out}/client`);
      builder.writePrerendered(`${out}/client`);
      builder.writeServer(`${out}/server`);
      builder.generateServerInstance(`${out}/instance.js`, { serverDirectory: `${out}/server` });
      writeFileSync(
        `${out}/server.js`,
        `import process from "node:process";
import { server } from "./instance.js";

await server.init({ env: process.env });

export default {
  fetch: (request, info) =>
    server.respond(request, { getClientAddress: () => info.remoteAddr.hostname, platform: { info } }),
};
`,
      );
    },
  };
}
