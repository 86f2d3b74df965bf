/**
 * Hono, by one name for the tests and the documentation. Packages that only tests need are named where they are
 * imported: those that deno.json names are downloaded by `deno task demo`.
 */

export * from "npm:hono@4.13.19";
export { basicAuth } from "npm:hono@4.13.19/basic-auth";
export { bodyLimit } from "npm:hono@4.13.19/body-limit";
export { compress } from "npm:hono@4.13.19/compress";
export { getCookie, setCookie } from "npm:hono@4.13.19/cookie";
export { cors } from "npm:hono@4.13.19/cors";
export { csrf } from "npm:hono@4.13.19/csrf";
export { etag } from "npm:hono@4.13.19/etag";
export { HTTPException } from "npm:hono@4.13.19/http-exception";
export { methodOverride } from "npm:hono@4.13.19/method-override";
export { proxy } from "npm:hono@4.13.19/proxy";
export { secureHeaders } from "npm:hono@4.13.19/secure-headers";
export { stream, streamSSE } from "npm:hono@4.13.19/streaming";
export { validator } from "npm:hono@4.13.19/validator";
