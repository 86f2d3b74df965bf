// node-fastcgi, from npm, as a peer of the benchmark: node_fastcgi.cjs FOLDER PATH|PORT

const { createRequire } = require("node:module");
const [folder, where] = process.argv.slice(2);
const { createServer } = createRequire(`${folder}/`)("node-fastcgi");

const mebibyte = Buffer.alloc(1 << 20, "x");

createServer((request, response) => {
  if (request.method === "POST") {
    let length = 0;
    request.on("data", (part) => length += part.length);
    request.on("end", () => {
      response.writeHead(200, { "Content-Type": "text/plain" });
      response.end(String(length));
    });
  } else if (request.url.startsWith("/down")) {
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    response.end(mebibyte);
  } else {
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.end("Hello, World!");
  }
}).listen(where);
