/** Builds an Astro site for `webfcgi serve dist/server/entry.mjs`; the web server serves dist/client. */
export default function adapter() {
  return {
    name: "webfcgi",
    hooks: {
      "astro:config:done": ({ setAdapter }) =>
        setAdapter({
          name: "webfcgi",
          serverEntrypoint: new URL("./server.js", import.meta.url),
          entrypointResolution: "auto",
          adapterFeatures: { buildOutput: "server" },
          supportedAstroFeatures: { serverOutput: "stable", hybridOutput: "stable", staticOutput: "stable" },
        }),
    },
  };
}
