// The probing application as mod_fcgid starts it: with a listening socket for its standard input. Its argument is a mount.

import process from "node:process";
import { serve } from "../../mod.ts";
import { createProbe } from "./config_probe.ts";

const [, , mount] = process.argv;
serve({ ...mount === undefined ? {} : { mount }, quiet: true }, createProbe());
