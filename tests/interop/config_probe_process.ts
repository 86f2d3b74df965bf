// The probing application as mod_fcgid starts it: with a listening socket for its standard input.

import { serve } from "../../mod.ts";
import { createProbe } from "./config_probe.ts";

serve({ onListen: () => {} }, createProbe());
