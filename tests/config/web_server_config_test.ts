import {
  type ConfigTarget,
  configTargets,
  mendingLines,
  needs,
  webServerConfig,
  type WebServerConfigOptions,
  webServers,
} from "../../src/config.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../std/assert.ts";

/** What a target needs besides, and does without. */
function optionsFor(target: ConfigTarget, options: WebServerConfigOptions): WebServerConfigOptions {
  const commands: Partial<Record<ConfigTarget, string>> = {
    fcgid: "/srv/app/dispatch.fcgi",
    htaccess: "dispatch.fcgi",
    systemd: "/usr/bin/node app.js",
    container: "node app.js",
  };
  const command = commands[target];
  const own: WebServerConfigOptions = { ...options, ...command === undefined ? {} : { command } };
  if (target === "fcgid" || target === "htaccess") delete own.listen;
  if (target === "htaccess" || target === "haproxy") delete own.static;
  if (target === "h2o") delete own.trustProxy;
  return own;
}

const everything: WebServerConfigOptions = {
  listen: ["127.0.0.1:9001"],
  mount: "/app",
  static: [{ url: "/static/", folder: "/srv/app/static" }],
  host: "example.com:8080",
  upload: "20M",
  header: "15k",
  stream: true,
  trustProxy: ["10.0.0.0/8", "::1"],
  workers: 4,
  timeoutSeconds: 300,
};

/** Reads the command in the first line, as the command line does. */
function optionsOf(text: string): [ConfigTarget, WebServerConfigOptions] {
  const [line = ""] = text.split("\n");
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
  assertEquals(words.slice(0, 3), ["#", "webfcgi", "config"]);
  const lists: Record<string, string[]> = {};
  for (let at = 4; at < words.length; at++) {
    const name = words[at]!.slice(2);
    (lists[name] ??= []).push(name === "stream" ? "" : words[++at]!);
  }
  const { listen, "trust-proxy": trustProxy, timeout, workers, stream } = lists;
  const one = (name: string, key: string = name): WebServerConfigOptions =>
    lists[name] === undefined ? {} : { [key]: lists[name][0] };
  return [words[3] as ConfigTarget, {
    ...listen === undefined ? {} : { listen },
    ...trustProxy === undefined ? {} : { trustProxy },
    static: (lists.static ?? []).map((text) => ({ url: text.split("=")[0]!, folder: text.split("=")[1]! })),
    ...one("mount"),
    ...one("host"),
    ...one("upload"),
    ...one("header"),
    ...one("command"),
    ...one("auth"),
    ...stream === undefined ? {} : { stream: true },
    ...workers === undefined ? {} : { workers: Number(workers[0]) },
    ...timeout === undefined ? {} : { timeoutSeconds: Number(timeout[0]) },
  }];
}

for (const target of configTargets) {
  Deno.test(`webServerConfig begins with the command that makes the same text for ${target}`, () => {
    for (const options of [{}, everything]) {
      const { text } = webServerConfig(target, optionsFor(target, options));
      assertEquals(webServerConfig(...optionsOf(text)).text, text);
    }
  });
}

Deno.test("webServerConfig writes for nginx what a person would", () => {
  const { text, files, modules, check, load } = webServerConfig("nginx", {
    listen: "unix:/run/app.sock",
    mount: "/app/",
    static: [{ url: "/static", folder: "/srv/app/static" }],
    upload: "20M",
  });
  assertEquals(
    text,
    `# webfcgi config nginx --listen unix:/run/app.sock --mount /app --static /static/=/srv/app/static/ --upload 20M
upstream app {
    server unix:/run/app.sock;
    keepalive 8;
}

map $http_host $host_port {
    default "";
    "~:(?<p>\\d+)$" ":$p";
}

server {
    listen 80;
    listen [::]:80;
    server_name localhost;

    location /static/ {
        alias /srv/app/static/;
    }

    location /app/ {
        include fastcgi_params;
        fastcgi_pass app;
        fastcgi_param SCRIPT_NAME /app;
        # Not $http_host: it may be another host than the one that nginx has checked.
        fastcgi_param HTTP_HOST $host$host_port;
        fastcgi_keep_conn on;
        client_max_body_size 20m;
    }
}
`,
  );
  assertEquals(files, [{ path: "/etc/nginx/conf.d/app.conf", placement: "a file of its own", text }]);
  assertEquals([modules, check, load], [[], ["nginx -t"], "systemctl reload nginx"]);
});

Deno.test("webServerConfig names the modules and commands that Apache needs", () => {
  const { modules, check, files } = webServerConfig("apache", {
    listen: ["9000", "9001"],
    trustProxy: "10.0.0.1",
    header: "15k",
    host: "example.com",
  });
  assertEquals(modules, ["proxy_fcgi", "proxy_balancer", "lbmethod_bybusyness", "remoteip"]);
  assertEquals(check, [
    `a2enmod ${modules.join(" ")}`,
    "a2enconf example_com",
    "a2ensite example_com",
    "apachectl configtest",
  ]);
  assertEquals(files.map(({ path }) => path), [
    "/etc/apache2/conf-available/example_com.conf",
    "/etc/apache2/sites-available/example_com.conf",
  ]);
});

Deno.test("webServerConfig has Caddy get a certificate for a name alone", () => {
  const site = (options: WebServerConfigOptions): string | undefined =>
    webServerConfig("caddy", options).text.split("\n")[1];
  assertEquals(site({}), ":80 {");
  assertEquals(site({ host: "example.com" }), "example.com {");
  assertEquals(site({ host: "example.com:8080" }), "http://example.com:8080 {");
  assertEquals(site({ host: "example.com", trustProxy: "10.0.0.0/8" }), "http://example.com {");
});

Deno.test("webServerConfig writes an address for each worker", () => {
  const { text } = webServerConfig("nginx", { listen: "/run/app-%n.sock", workers: 3 });
  for (const number of [1, 2, 3]) assertStringIncludes(text, `server unix:/run/app-${number}.sock fail_timeout=1s;`);
  assertStringIncludes(text, "least_conn;");
});

Deno.test("webServerConfig lets systemd make the socket, unless the application makes several", () => {
  const command = "/usr/bin/node app.js --listen unix:/run/workers/app-%n.sock";
  const one = webServerConfig("systemd", { listen: "/run/app.sock", command });
  assertEquals(one.files.map(({ path }) => path), [
    "/etc/systemd/system/app.socket",
    "/etc/systemd/system/app.service",
  ]);
  for (
    const part of ["ListenStream=/run/app.sock", "SocketGroup=www-data", "app-%%n.sock", "WantedBy=sockets.target"]
  ) {
    assertStringIncludes(one.text, part);
  }
  assertEquals(one.load, "systemctl daemon-reload && systemctl enable --now app.socket app.service");
  const more = webServerConfig("systemd", { listen: "/run/workers/app-%n.sock", workers: 2, command });
  assertEquals(more.files.map(({ path }) => path), ["/etc/systemd/system/app.service"]);
  assertStringIncludes(more.text, "\nRuntimeDirectory=workers\n");
  assertStringIncludes(more.text, "\nRestart=on-failure\n");
  for (
    const program of ["/srv/app/node_modules/.bin/webfcgi serve", "/usr/bin/deno run -A jsr:@webfcgi/webfcgi/cli serve"]
  ) {
    const { text } = webServerConfig("systemd", { command: `${program} --workers 2 server.js` });
    for (const line of ["Type=notify", "NotifyAccess=all", "ExecReload=/bin/kill -HUP $MAINPID"]) {
      assertStringIncludes(text, `\n${line}\n`);
    }
    assertEquals(webServerConfig("systemd", { command: program }).text.includes("ExecReload"), false);
  }
  assertEquals(one.text.includes("Type="), false);
  // A user's name begins with a letter and has at most 31 of them.
  const long = webServerConfig("systemd", { host: `192.0.2.1`, mount: `/${"a".repeat(40)}`, command });
  assertStringIncludes(long.text, `\nUser=app_192_0_2_1_${"a".repeat(17)}\n`);
});

Deno.test("webServerConfig starts the application in a container without a shell", () => {
  for (
    const [command, from] of [["node app.js", "node:"], ["bun app.ts", "oven/bun:"], [
      "deno run -A app.ts",
      "denoland/deno:",
    ]]
  ) {
    const { text } = webServerConfig("container", { command: command!, listen: "0.0.0.0:9000" });
    assertStringIncludes(text, `\nFROM ${from}`);
    assertEquals(JSON.parse(/^CMD (.*)$/m.exec(text)?.[1] ?? ""), command!.split(" "));
    assertStringIncludes(text, "\nEXPOSE 9000\n");
  }
});

const refused: [what: string, target: ConfigTarget, options: WebServerConfigOptions, message: string][] = [
  ["HAProxy is to serve files", "haproxy", { static: [{ url: "/a/", folder: "/b" }] }, "HAProxy serves no files"],
  ["h2o is to have two addresses", "h2o", { listen: ["9000", "9001"] }, "h2o takes one address"],
  ["h2o is to believe a proxy", "h2o", { trustProxy: "10.0.0.1" }, "h2o 2.2 takes neither"],
  ["Apache is to pass a long header", "apache", { header: "32k" }, "up to 15k"],
  ["lighttpd is to ask a check", "lighttpd", { auth: "/auth" }, "makes no sub-request"],
  ["mod_fcgid is to connect", "fcgid", { listen: "9000", command: "/a/b" }, "starts the application itself"],
  ["mod_fcgid has no file to start", "fcgid", {}, "an executable file"],
  ["mod_fcgid is to start a line", "fcgid", { command: "/usr/bin/node app.js" }, "an executable file"],
  ["the host has other files", "htaccess", { static: [{ url: "/a/", folder: "/b" }] }, "beside .htaccess"],
  ["systemd has nothing to start", "systemd", {}, "what starts the application"],
  ["a container has another runtime", "container", { command: "python app.py" }, "node, bun or deno"],
  ["the target is unknown", "iis" as ConfigTarget, {}, "write one of nginx, apache"],
  ["there is no address", "nginx", { listen: [] }, "at least one"],
  ["the address is a descriptor", "nginx", { listen: "fd:3" }, "can connect to"],
  ["the address has port 0", "nginx", { listen: "127.0.0.1:0" }, "can connect to"],
  ["the socket's path is relative", "nginx", { listen: "./app.sock" }, "written in full"],
  ["the socket's name is abstract", "nginx", { listen: "unix:@app" }, "written in full"],
  ["it is not said how many workers", "nginx", { listen: "/run/app-%n.sock" }, "said by workers"],
  [
    "a file is served where the application is",
    "nginx",
    { static: [{ url: "/", folder: "/a" }] },
    "the application is",
  ],
  [
    "two folders have a URL",
    "nginx",
    { static: [{ url: "/a", folder: "/a" }, { url: "/a/", folder: "/b" }] },
    "two folders",
  ],
  ["the mount leads up", "nginx", { mount: "/a/../b" }, "a path such as /app"],
  ["the host is TLS's own", "nginx", { host: "example.com:443" }, "leave the port out"],
  ["the network is too large", "nginx", { trustProxy: "10.0.0.0/33" }, "10.0.0.0/8"],
  ["everybody is a trusted proxy", "nginx", { trustProxy: "0.0.0.0/0" }, "10.0.0.0/8"],
  ["the check is outside", "nginx", { mount: "/app", auth: "/auth" }, "below /app/"],
  ["a size is none", "nginx", { upload: "20 MB" }, "such as 20M"],
  [
    "an option is misspelt",
    "nginx",
    { lisen: "9000" } as WebServerConfigOptions,
    'no option "lisen"; did you mean listen?',
  ],
];

for (const [what, target, options, message] of refused) {
  Deno.test(`webServerConfig throws a TypeError when ${what}`, () => {
    assertThrows(() => webServerConfig(target, options), TypeError, message);
  });
}

Deno.test("webServerConfig throws a RangeError when a number is out of range", () => {
  for (
    const options of [
      { header: 1024 },
      { header: "64k" },
      { upload: 0.5 },
      { upload: "2T" },
      { workers: 0 },
      {
        timeoutSeconds: 0,
      },
      { listen: "127.0.0.1:70000" },
      { listen: `/${"a".repeat(107)}` },
    ]
  ) {
    assertThrows(() => webServerConfig("nginx", options), RangeError);
  }
});

Deno.test("mendingLines gives the lines that webServerConfig writes, or says why there are none", () => {
  for (const server of webServers) {
    const options = optionsFor(server, everything);
    const { text } = webServerConfig(server, options);
    for (const need of needs) {
      const { lines, cannot } = mendingLines(server, need, options);
      assert(lines.length === 0 || cannot === undefined, `${server} ${need}`);
      if (need === "subrequest") continue;
      for (const line of lines.flatMap(({ text }) => text.split("\n"))) {
        assertStringIncludes(text, line.trim(), `${server} ${need}`);
      }
    }
  }
});

Deno.test("mendingLines has examples for what the options leave open", () => {
  for (const server of webServers) {
    for (const need of needs) {
      const { lines } = mendingLines(server, need);
      assert(!/undefined|NaN/.test(JSON.stringify(lines)), `${server} ${need}: ${JSON.stringify(lines)}`);
    }
  }
  assertEquals(mendingLines("nginx", "response-head", { header: "32k" }), {
    lines: [
      { place: "location", text: "fastcgi_buffer_size 32k;" },
      { place: "location", text: "fastcgi_buffers 8 32k;" },
    ],
  });
});

Deno.test("webServerConfig takes less than 10 ms", () => {
  const targets = configTargets.map((target) => [target, optionsFor(target, everything)] as const);
  const started = performance.now();
  for (let round = 0; round < 10; round++) for (const [target, options] of targets) webServerConfig(target, options);
  const each = (performance.now() - started) / 10 / targets.length;
  assert(each < 10, `${each} ms`);
});
