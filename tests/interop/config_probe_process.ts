// The probing application in a process of its own. Its arguments are a mount, or `none`, and the address where it is to
// listen; without one, as mod_fcgid starts it, it has a listening socket for its standard input.

import process from "node:process";
import { serve } from "../../mod.ts";
import { createProbe } from "./config_probe.ts";

const [, , mount = "none", address] = process.argv;
serve({
  ...mount === "none" ? {} : { mount },
  ...address === undefined ? {} : { address, ...address.startsWith("/") && { mode: 0o666 } },
  quiet: true,
  signals: true,
  onError: () => undefined,
}, createProbe());
