/** What a shared host with mod_fcgid reads: a file in the folder of the site. */

import type { ConfigFiles } from "./config_file.ts";
import { refuse, type Site } from "./site.ts";

/** Writes a `.htaccess` that gives what is no file to a script beside it. */
export function htaccess({ command, folders }: Site): ConfigFiles {
  const [script = "dispatch.fcgi", ...more] = command;
  const why = "write the name of an executable file that ends in .fcgi and lies beside .htaccess";
  if (more.length > 0 || !/^[\w.-]+\.fcgi$/.test(script)) throw refuse("command", command.join(" "), why);
  const [folder] = folders;
  if (folder) throw refuse("static", folder.url, "the host serves the files that lie beside .htaccess");
  const text = [
    "Options +ExecCGI",
    "AddHandler fcgid-script .fcgi",
    "# Without it the Authorization header is withheld.",
    "CGIPassAuth On",
    "",
    "RewriteEngine On",
    "RewriteCond %{REQUEST_FILENAME} !-f",
    "# Without B, a path with %25 or %3F in it is refused.",
    `RewriteRule ^(.*)$ ${script}/$1 [B=%?#,L]`,
  ].join("\n");
  return {
    files: [{ path: ".htaccess", placement: "a file of its own", text }],
    modules: [],
    check: [`chmod 755 . ${script}`],
    load: `touch ${script}`,
  };
}
