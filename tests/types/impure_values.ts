/** As `impure.ts`, for what only `src/protocol/` cannot do. */

// @ts-expect-error it is unknown here
new URL("http://localhost/");
// @ts-expect-error it is unknown here
new Headers();
