import { createApp } from "astro/app/entrypoint";

const app = createApp();

export default {
  fetch: (request, info) => app.render(request, { clientAddress: info.remoteAddr.hostname, addCookieHeader: true }),
};
