import { assertEquals } from "../std/assert.ts";
import { inScene } from "./scene.ts";

/** What a request for each URI is answered with: the status, and the path that the handler sees. */
async function answers(stripMount: boolean, params: Record<string, string>, uris: string[]): Promise<string[]> {
  const found: string[] = [];
  const fetch = (request: Request): Response => new Response(request.url.slice("http://example.com".length));
  await inScene({ stripMount, fetch }, async ({ connect }) => {
    const web = await connect();
    for (const uri of uris) {
      const { status, text } = await web.ask({ uri, params }).answer();
      found.push(status === 200 ? text : `${status}`);
    }
  });
  return found;
}

Deno.test("serve answers 400 when the web server may have read the path in another way", async () => {
  const uris = {
    "/admin//../secret": "400",
    "/admin/users//..//../list": "400",
    "/admin//%2e%2e/secret": "400",
    "/a%2fb/../admin/secret": "400",
    "/admin/..%2fpublic": "400",
    "/public/..%2fadmin/x": "400",
    "/public\\..\\admin/secret": "400",
    "/public\\admin": "/public%5Cadmin",
    "/a/../b/./c?/../d": "/b/c?/../d",
    "/a//b%2Fc": "/a//b%2Fc",
  };
  assertEquals(await answers(false, { SCRIPT_NAME: "" }, Object.keys(uris)), Object.values(uris));
});

Deno.test("serve answers 400 when the mount cannot be cut off the URL", async () => {
  const app = { SCRIPT_NAME: "/app", PATH_INFO: "/x" };
  assertEquals(await answers(true, app, ["/app/x", "//app/x", "/%61pp/x", "/app%2Fx", "/app//x"]), [
    ...["/x", "/x", "/x", "400", "400"],
  ]);
});
