/** Everything that is fuzzed. */

import { parametersTarget, readHeadTarget, writtenHeadTarget } from "./cgi_targets.ts";
import { protocolTargets } from "./protocol_targets.ts";
import type { Target } from "./target.ts";
import { textTarget } from "./text_target.ts";

/** The targets, each with inputs of its own kind. */
export const targets: readonly Target<unknown>[] = [
  ...protocolTargets,
  parametersTarget,
  writtenHeadTarget,
  readHeadTarget,
  textTarget,
] as Target<unknown>[];
