/** The status for an error of a client's `fetch`: the rule that the server has as well. */

export { failureStatus } from "../cgi/failure_status.ts";
