// An application with two roles, as mod_fcgid starts it: with a listening socket for its standard input.

import { authorized, serve } from "../../mod.ts";

serve({
  quiet: true,
  fetch: (_, { params }) => new Response(`${params.get("REMOTE_USER")} ${params.get("APP_PLAN")}`),
  authorizer(request) {
    if (request.headers.get("cookie") !== "member=yes") return new Response("Members only\n", { status: 403 });
    return authorized({ REMOTE_USER: "anna", APP_PLAN: "gold" });
  },
});
