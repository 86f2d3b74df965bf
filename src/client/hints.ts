/** Explanations of what PHP-FPM leaves its user to guess. */

import { MAX_STREAM_CONTENT } from "../protocol/record_writer.ts";

/** Greatest length in bytes of a name and its value that is certain to fit into one record. */
const MAX_WHOLE_PAIR = MAX_STREAM_CONTENT - 8;

/** Names the parameter that does not fit into a record: PHP-FPM closes the connection at a pair that is split. */
export function splitPairHint(params: readonly string[]): string {
  const at = params.findIndex((_, at) => at % 2 === 0 && params[at]!.length + params[at + 1]!.length > MAX_WHOLE_PAIR);
  if (at < 0) return "";
  return `; its parameter ${params[at]} is too long for one record, and not every application takes it in parts`;
}

/** The remedy when PHP-FPM reports that it has no script to run. */
export function scriptHint(stderr: string, params: readonly string[]): string | undefined {
  if (!stderr.includes("Primary script unknown")) return undefined;
  const at = params.findIndex((name, at) => at % 2 === 0 && name === "SCRIPT_FILENAME");
  if (at < 0) {
    return "PHP-FPM got no SCRIPT_FILENAME, so it has nothing to run; set scriptFilename, or use bridge, which finds scripts";
  }
  const file = JSON.stringify(params[at + 1]);
  return `PHP-FPM found no script ${file}, its SCRIPT_FILENAME; it must be readable there, as PHP-FPM's user`;
}
