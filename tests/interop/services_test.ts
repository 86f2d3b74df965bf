// Starts applications as docs/services.md says, with what is named there or what stands in for it.

import { existsSync } from "node:fs";
import { createClient } from "../../src/client.ts";
import { webServerConfig } from "../../src/config.ts";
import { notifySocket } from "../helpers/notify_socket.ts";
import { findProgram, isLeftOut, missingOf } from "../helpers/programs.ts";
import { outputOf } from "../helpers/output_of.ts";
import { until } from "../helpers/waiting.ts";
import { findRuntime } from "../runtimes.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../std/assert.ts";
import { isMissing, startOnDebian } from "./debian_server.ts";
import { block, blocksOf } from "./documentation.ts";
import { startForeground } from "./foreground.ts";
import { request, text } from "./http_client.ts";
import { childrenOf, isRunning } from "./processes.ts";
import { writeProgram } from "./program.ts";
import { ask, deno, MAIN, node, programOf, start, withService } from "./service_scene.ts";
import { freePort } from "./web_server.ts";

const PAGE = "docs/services.md";
const bun = await findRuntime("bun");

/** The units under a heading, by name. */
function unitsOf(heading: string): Record<string, string> {
  const units = blocksOf(PAGE).filter((block) => block.heading === heading && block.info === "ini");
  return Object.fromEntries(units.map(({ text }) => {
    const [, name] = /^# \/etc\/systemd\/system\/(app\.(?:service|socket))\n/.exec(text) ?? [];
    assert(name !== undefined, text);
    return [name, text];
  }));
}

function commandOf(unit: string, name = "ExecStart"): string {
  const [, command] = new RegExp(`^${name}=(.*)$`, "m").exec(unit) ?? [];
  assert(command !== undefined, unit);
  return command;
}

const HEADINGS = ["systemd", "A socket of systemd's", "Deno with a socket of its own"] as const;
const noSystemd = isLeftOut("the services of systemd", missingOf("systemd-analyze", "systemd-socket-activate"));

for (const heading of HEADINGS) {
  Deno.test({
    name: `systemd takes the units under "${heading}"`,
    ignore: noSystemd,
    fn: () =>
      withService(async ({ folder, placed }) => {
        const paths = Object.entries(unitsOf(heading)).map(([name, text]) => {
          // Users that there are not are no fault of the unit's.
          Deno.writeTextFileSync(`${folder}/${name}`, placed(text).replaceAll(/^(User|Group)=app$/gm, "$1=root"));
          return `${folder}/${name}`;
        });
        const { code, stderr } = await new Deno.Command("systemd-analyze", {
          args: ["verify", "--recursive-errors=no", ...paths],
          env: { SYSTEMD_LOG_LEVEL: "warning" },
          signal: AbortSignal.timeout(30_000),
        }).output();
        const complaints = new TextDecoder().decode(stderr).split("\n").filter((line) => line.includes("app."));
        assertEquals([code, complaints], [0, []]);
      }),
  });
}

Deno.test({
  name: "the service with workers says when it serves, loads new code and ends as systemd tells it to",
  ignore: noSystemd || node === undefined,
  fn: () =>
    withService(async ({ folder, placed }) => {
      const unit = placed(unitsOf("systemd")["app.service"]!);
      using systemd = notifySocket(`${folder}/notify`);
      await using service = start(commandOf(unit).split(" "), { NOTIFY_SOCKET: systemd.path });
      await until(() => systemd.received().length > 0, "a word to systemd");
      // It is said once all workers serve.
      const old = await ask(`unix:${folder}/app.sock`);
      const reload = commandOf(unit, "ExecReload").replace("$MAINPID", String(service.pid));
      await outputOf(reload.split(" ") as [string, ...string[]]);
      await until(() => service.said().includes("reloaded"), "new workers");
      assert(await ask(`unix:${folder}/app.sock`) !== old);
      assertEquals(await service.end(), 0);
      assertEquals(systemd.received(), ["READY=1"]);
      assertEquals(existsSync(`${folder}/app.sock`), false);
    }),
});

for (const runtime of [deno, bun, node]) {
  if (runtime === undefined) continue;
  Deno.test({
    name: `webfcgi serve on ${runtime.name} tells systemd once the application is there, or why it cannot`,
    ignore: noSystemd,
    fn: () =>
      withService(async ({ folder }) => {
        const command = [...runtime.command, MAIN, "serve", "-l", `${folder}/app.sock`, `${folder}/server.js`];
        command[0] = programOf(runtime);
        using systemd = notifySocket(`${folder}/notify`);
        {
          await using service = start(command, { NOTIFY_SOCKET: systemd.path });
          await until(() => systemd.received().length > 0, "a word to systemd");
          assertEquals(await service.end(), 0);
        }
        assertEquals(systemd.received(), ["READY=1"]);
        await using service = start(command, { NOTIFY_SOCKET: systemd.path, PATH: "/nowhere" });
        await until(() => service.said().includes("systemd-notify cannot be started"), "a word of it");
        assertStringIncludes(service.said(), "or write Type=exec in the unit");
        await ask(`unix:${folder}/app.sock`);
        assertEquals(await service.end(), 0);
      }),
  });
}

Deno.test({
  name: "the service on a socket of systemd's runs without any permission for the network",
  ignore: noSystemd,
  fn: () =>
    withService(async ({ folder, placed }) => {
      const { "app.socket": socket = "", "app.service": service = "" } = unitsOf(HEADINGS[1]);
      const path = placed(commandOf(socket, "ListenStream"));
      const command = placed(commandOf(service)).split(" ");
      assertEquals(command.filter((word) => word.startsWith("--allow")), ["--allow-env=LISTEN_FDS,LISTEN_PID"]);
      await using app = start(["systemd-socket-activate", "-E", `DENO_DIR=${folder}/.deno`, "-l", path, ...command]);
      await until(() => existsSync(path), "the socket");
      assertEquals(await ask(`unix:${path}`), app.pid);
      assertEquals(await app.end(), 0);
    }),
});

Deno.test("the service of Deno with a socket of its own has the permissions that it takes, and no more", () =>
  withService(async ({ folder, placed }) => {
    const program = block("docs/deployment.md", "A unix socket for the web server", "ts ignore")
      .replace("`Hello from ${request.url}\\n`", "`pid ${Deno.pid}`").replace("(request) =>", "() =>");
    const run = `${folder}/sockets`;
    Deno.mkdirSync(run);
    const own = (text: string): string => placed(text.replaceAll("/run/app", run));
    await writeProgram(deno, `${folder}/app.mjs`, own(program));
    const command = own(commandOf(unitsOf(HEADINGS[2])["app.service"]!)).split(" ");
    {
      await using app = start(command, { DENO_DIR: `${folder}/.deno` });
      assertEquals(await ask(`unix:${run}/app.sock`), app.pid);
      assertEquals(await app.end(), 0);
    }
    for (const flag of command.filter((word) => word.startsWith("--allow"))) {
      const less = command.filter((word) => word !== flag);
      const app = start(less, { DENO_DIR: `${folder}/.deno` });
      await until(() => app.said().includes("Deno needs"), `a complaint without ${flag}: ${app.said()}`);
      assert(await app.end() !== 0, flag);
    }
  }));

Deno.test({
  name: "supervisor starts the command on its socket, and restarts one process after another without a lost request",
  ignore: isLeftOut("the services of supervisor", missingOf("supervisord")) || node === undefined,
  fn: () =>
    withService(async ({ folder, placed }) => {
      const program = placed(block(PAGE, "supervisor", "ini"))
        .replaceAll(/^user=app\n/gm, "")
        .replace(/^socket_owner=.*\n/m, "");
      const control = `[unix_http_server]\nfile=${folder}/control
[supervisorctl]\nserverurl=unix://${folder}/control
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=${folder}/pid\n`;
      Deno.writeTextFileSync(`${folder}/supervisord.conf`, control + program);
      const address = `unix:${folder}/app.sock`;
      await using supervisor = start(["supervisord", "-c", `${folder}/supervisord.conf`]);
      const old = await ask(address);
      const status = (): Promise<string> =>
        outputOf(["supervisorctl", "-c", `${folder}/supervisord.conf`, "status"]).catch(String);
      await until(async () => (await status()).split("RUNNING").length === 3, "two processes");
      let isOver = false;
      let answered = 0;
      const load = (async () => {
        for (; !isOver; answered++) {
          await using client = createClient(address);
          await (await client.fetch("http://localhost/")).text();
        }
      })();
      load.catch(() => {});
      for (const name of ["app:app_0", "app:app_1"]) {
        await outputOf(["supervisorctl", "-c", `${folder}/supervisord.conf`, "restart", name]);
      }
      isOver = true;
      await load;
      assert(answered > 0);
      assert(await ask(address) !== old);
      assertEquals(await supervisor.end(), 0);
    }),
});

Deno.test({
  name: "spawn-fcgi starts the program in the foreground, and twice on one socket",
  ignore: isLeftOut("the services of spawn-fcgi", missingOf("spawn-fcgi")) || node === undefined,
  fn: () =>
    withService(async ({ folder, placed }) => {
      const [foreground, forked] = placed(block(PAGE, "spawn-fcgi", "sh")).trim().split("\n");
      const address = `unix:${folder}/app.sock`;
      {
        await using app = start(foreground!.split(" "));
        assertEquals(await ask(address), app.pid);
        assertEquals(Deno.statSync(`${folder}/app.sock`).mode! & 0o777, 0o660);
        assertEquals(await app.end(), 0);
      }
      await outputOf(forked!.split(" ") as [string, ...string[]]);
      const pids = Deno.readTextFileSync(`${folder}/app.pid`).trim().split(/\s+/).map(Number);
      assertEquals(pids.length, 2);
      assert(pids.includes(await ask(address)));
      // The other one goes on with the socket that they share.
      Deno.kill(pids[0]!, "SIGTERM");
      await until(() => !isRunning(pids[0]!), "one to end");
      for (let times = 0; times < 5; times++) assertEquals(await ask(address), pids[1]);
      Deno.kill(pids[1]!, "SIGTERM");
      await until(() => !isRunning(pids[1]!), "the other one to end");
    }),
});

Deno.test({
  name: "lighttpd starts the program by bin-path, and again when one of its processes ends",
  ignore: isMissing("lighttpd") || node === undefined,
  fn: () =>
    withService(async ({ folder, placed }) => {
      const port = freePort();
      const run = `${folder}/lighttpd`;
      Deno.mkdirSync(run);
      const site = placed(block(PAGE, "lighttpd", "lighttpd"));
      const frame = `server.port = ${port}\nserver.document-root = "${run}"\nserver.errorlog = "${run}/error.log"\n`;
      Deno.writeTextFileSync(`${run}/lighttpd.conf`, frame + site);
      const program = [findProgram("lighttpd") ?? "lighttpd", "-D", "-f", `${run}/lighttpd.conf`];
      await using _web = await startForeground("lighttpd", program, { run, port });
      const served = async (): Promise<number> => {
        let answer = "";
        await until(async () => (answer = text(await request(port, "GET", "/"))).startsWith("pid "), "an answer");
        return Number(answer.slice(4));
      };
      const pid = await served();
      Deno.kill(pid, "SIGKILL");
      await until(() => childrenOf(Deno.pid).filter((it) => it !== pid).length >= 3, "another process");
      assert(await served() !== pid);
    }),
});

Deno.test({
  name: "Apache's mod_fcgid starts the script",
  ignore: isMissing("fcgid") || node === undefined,
  fn: () =>
    withService(async ({ folder, placed }) => {
      // One that Apache's user may execute.
      const script = placed(block(PAGE, "Apache's mod_fcgid", "sh")).replace(/(?<=exec )\S+/, findProgram("node")!);
      Deno.writeTextFileSync(`${folder}/dispatch.fcgi`, script);
      Deno.chmodSync(`${folder}/dispatch.fcgi`, 0o755);
      const port = freePort();
      const config = webServerConfig("fcgid", { command: `${folder}/dispatch.fcgi` });
      await using _web = await startOnDebian("fcgid", { ...config, port });
      assertMatch(text(await request(port, "GET", "/a")), /^pid \d+$/);
    }),
});

Deno.test({
  name: "the container's command serves, and its health check says whether it is well",
  ignore: node === undefined,
  fn: () =>
    withService(async ({ folder, placed }) => {
      const file = block(PAGE, "A container", "dockerfile");
      const port = freePort();
      const [health, command] = [/^HEALTHCHECK .* CMD (\[.*\])$/m, /^CMD (\[.*\])$/m].map((form) => {
        const words: string[] = JSON.parse(form.exec(file)?.[1] ?? "null");
        // What npm makes of the package's name.
        const own = words.join(" ").replace("npx --no webfcgi", `node ${MAIN}`)
          .replace("node_modules/.bin/webfcgi", MAIN).replace("9000", String(port));
        return placed(own.replace(/^node /, "/usr/bin/node ")).replace(" server.js", ` ${folder}/server.js`).split(" ");
      });
      const check = async (): Promise<number> => {
        const [program = "", ...args] = health!;
        return (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output()).code;
      };
      await using app = start(command!);
      await ask(`127.0.0.1:${port}`);
      assertEquals(await check(), 0);
      Deno.writeTextFileSync(`${folder}/sick`, "");
      assertEquals(await check(), 22);
      assertEquals(await app.end(), 0);
      assertEquals(await check(), 7);
    }),
});
