// What doctor asks, as mod_fcgid starts it: with a listening socket for its standard input. Its argument is the token.

import process from "node:process";
import { serve } from "../../mod.ts";
import { createProbe } from "../../src/cli/doctor/probe.ts";

serve({ quiet: true, onError: () => undefined }, createProbe(process.argv[2] ?? ""));
