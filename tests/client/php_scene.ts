/** A real PHP-FPM with some scripts, and a client of it. */

import { join } from "node:path";
import type { Client } from "@webfcgi/webfcgi/client";
import { systemClock } from "../../src/runtime/clock.ts";
import { bounded } from "../helpers/waiting.ts";
import { clientBy, type ClientSceneOptions } from "./application.ts";
import { isPhpMissing, type PhpFpm, type PhpFpmOptions, startPhpFpm } from "./php_fpm.ts";

const ignore = isPhpMissing();

const scripts = {
  "index.php": `<?php
    header("Content-Type: application/json");
    echo json_encode(["server" => $_SERVER, "get" => $_GET, "post" => $_POST, "cookie" => $_COOKIE,
      "input" => md5(file_get_contents("php://input"))], JSON_INVALID_UTF8_SUBSTITUTE);`,
  "hello.php": `<?php echo "Hello, World!";`,
  "head.php": `<?php http_response_code(418); header("X-A: 1"); header("X-A: 2", false);
    setcookie("a", "1"); setcookie("b", "2"); echo "short and stout";`,
  "redirect.php": `<?php header("Location: /elsewhere");`,
  "session.php": `<?php session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo $_SESSION["n"];`,
  "upload.php": `<?php $f = $_FILES["file"];
    echo json_encode([$_POST["name"] ?? null, $f["name"], $f["size"], $f["error"], md5_file($f["tmp_name"])]);`,
  "long.php": `<?php for ($i = 0; $i < 512; $i++) echo str_repeat(chr(65 + $i % 26), 65536);`,
  "finish.php": `<?php echo "done"; fastcgi_finish_request(); usleep(300000);
    file_put_contents(__DIR__ . "/finished", "yes");`,
  "warn.php": `<?php trigger_error("be careful", E_USER_WARNING); echo "fine";`,
  "fatal.php": `<?php no_such_function();`,
  "kill.php": `<?php file_put_contents(__DIR__ . "/killed", "x", FILE_APPEND); posix_kill(getmypid(), 9); sleep(5);`,
  "kill_late.php": `<?php echo str_repeat("x", 10000); flush(); usleep(100000); posix_kill(getmypid(), 9); sleep(5);`,
  "slow.php": `<?php $until = microtime(true) + 0.3; while (microtime(true) < $until) usleep(10000); echo getmypid();`,
  "endless.php": `<?php file_put_contents(__DIR__ . "/endless", "started");
    register_shutdown_function(fn() => file_put_contents(__DIR__ . "/endless", connection_aborted() ? "aborted" : "ended"));
    while (true) { echo str_repeat("x", 8192); flush(); usleep(5000); }`,
  "sub/page.php": `<?php echo $_SERVER["SCRIPT_NAME"], "|", $_SERVER["PATH_INFO"] ?? "", "|",
    $_SERVER["PATH_TRANSLATED"] ?? "", "|", $_SERVER["SCRIPT_FILENAME"];`,
  "newline.php": "<?php header('Content-Length: 5'); ?>hello\n\n",
  "field.php": `<?php http_response_code((int) ($_GET["status"] ?? 200)); header($_GET["field"]); echo "body";`,
  "upload.jpg": `<?php echo "EXECUTED";`,
  "app/index.php": `<?php // an application with a front controller: routing, a session and SQLite
    session_start();
    $db = new PDO("sqlite:" . sys_get_temp_dir() . "/app.sqlite");
    $db->exec("PRAGMA busy_timeout = 5000");
    $db->exec("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, author TEXT, text TEXT)");
    $path = parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH);
    $route = $_SERVER["REQUEST_METHOD"] . " " . $path;
    header("Content-Type: application/json");
    if ($route === "POST /login") { $_SESSION["user"] = $_POST["user"]; http_response_code(303); header("Location: /notes"); }
    elseif (!isset($_SESSION["user"])) { http_response_code(401); echo json_encode(["error" => "who are you?"]); }
    elseif ($route === "POST /notes") {
      $note = json_decode(file_get_contents("php://input"), true);
      $db->prepare("INSERT INTO notes (author, text) VALUES (?, ?)")->execute([$_SESSION["user"], $note["text"]]);
      http_response_code(201); header("Location: /notes/" . $db->lastInsertId());
    }
    elseif ($route === "GET /notes") echo json_encode($db->query("SELECT author, text FROM notes")->fetchAll(PDO::FETCH_ASSOC));
    elseif (preg_match("~^GET /notes/(\\d+)$~", $route, $m)) {
      $q = $db->prepare("SELECT text FROM notes WHERE id = ?"); $q->execute([$m[1]]);
      $text = $q->fetchColumn();
      if ($text === false) { http_response_code(404); echo json_encode(["error" => "no such note"]); }
      else echo json_encode(["text" => $text]);
    }
    elseif ($route === "DELETE /notes") { $db->exec("DELETE FROM notes"); http_response_code(204); }
    else { http_response_code(404); echo json_encode(["error" => "no route " . $route]); }`,
};

/** What a test has. */
export interface PhpScene {
  readonly php: PhpFpm;
  /** A client that sends each path to the script of that name, and paths without one to `index.php`. */
  readonly client: Pick<Client, "fetch" | "stats" | "capabilities">;
  /** What came on FCGI_STDERR. */
  readonly stderr: string[];
  text(path: string, init?: Parameters<Client["fetch"]>[1]): Promise<string>;
}

/** Defines a test that has a PHP-FPM and a client of it. */
export function phpTest(
  name: string,
  options: ClientSceneOptions & { readonly fpm?: PhpFpmOptions; readonly folder?: string },
  body: (scene: PhpScene) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      const { fpm = {}, folder = "", clock = systemClock, ...rest } = options;
      const php = await startPhpFpm(scripts, fpm);
      const stderr: string[] = [];
      const onStderr = (text: string): void => void stderr.push(text);
      const documentRoot = join(php.root, folder);
      const real = clientBy(clock, { path: php.path, documentRoot, onStderr, ...rest });
      const fetch: Client["fetch"] = (url, init) => {
        const { pathname } = new URL(String(url), "http://localhost");
        const script = /^.*?\.php(?=\/|$)/.exec(pathname)?.[0] ?? "/index.php";
        return real.fetch(url, { scriptFilename: documentRoot + script, ...init });
      };
      const client = { fetch, stats: () => real.stats(), capabilities: () => real.capabilities() };
      const text = async (...[path, init]: Parameters<PhpScene["text"]>): Promise<string> =>
        (await bounded(client.fetch(path, init), `an answer to ${path}`)).text();
      try {
        await body({ php, client, stderr, text });
      } finally {
        await bounded(real.close(), "the client to close");
        await php[Symbol.asyncDispose]();
      }
    },
  });
}
