/** What keeps an application running on a machine with systemd. */

import type { ConfigFiles } from "./config_file.ts";
import { hostPort, refuse, type Site } from "./site.ts";

/** Escapes the sign that systemd expands. */
function words(command: readonly string[]): string {
  return command.map((word) => word.replaceAll("%", "%%")).join(" ");
}

function unit(sections: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(sections).map(([name, lines]) => [`[${name}]`, ...lines].join("\n")).join("\n\n");
}

/** Lets the application make sockets itself: in a folder below `/run`, for the web server's group. */
function forOwnSockets({ addresses }: Site): string[] {
  const folders = addresses.flatMap((address) =>
    "path" in address ? [/^\/run\/(.+)\/[^/]+$/.exec(address.path)?.[1]] : []
  );
  if (folders.length === 0) return [];
  const made = [...new Set(folders)].flatMap((folder) => folder === undefined ? [] : [`RuntimeDirectory=${folder}`]);
  return ["SupplementaryGroups=www-data", ...made];
}

/**
 * Writes a socket that outlives the application, and its service. Several addresses are the application's own to make:
 * then there is a service alone.
 */
export function systemd(site: Site): ConfigFiles {
  const { name, addresses: [address, ...more], command } = site;
  if (command.length === 0) {
    throw refuse("command", "", "write what starts the application, as in /usr/bin/node app.js");
  }
  // The longest name of a user.
  const user = name.slice(0, 31);
  const ownSockets = address === undefined || more.length > 0;
  const service = unit({
    Unit: [
      `Description=The FastCGI application ${name}`,
      "After=network.target",
      ...ownSockets ? [] : [`Requires=${name}.socket`],
    ],
    Service: [
      `ExecStart=${words(command)}`,
      `WorkingDirectory=/srv/${name}`,
      "# A user for as long as the service runs, unless there is one of that name.",
      "DynamicUser=yes",
      `User=${user}`,
      `Group=${user}`,
      ...ownSockets ? forOwnSockets(site) : [],
      "Restart=on-failure",
      "TimeoutStopSec=15",
      "",
      "NoNewPrivileges=yes",
      "PrivateDevices=yes",
      "PrivateTmp=yes",
      "ProtectSystem=strict",
      "ProtectHome=read-only",
      "ProtectControlGroups=yes",
      "ProtectKernelModules=yes",
      "ProtectKernelTunables=yes",
      "RestrictSUIDSGID=yes",
      "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
      "CapabilityBoundingSet=",
    ],
    Install: ["WantedBy=multi-user.target"],
  });
  const placement = "a file of its own";
  const unitPath = `/etc/systemd/system/${name}`;
  const check = [`systemd-analyze verify ${unitPath}.service`];
  const serviceFile = { path: `${unitPath}.service`, placement, text: service } as const;
  const enable = `systemctl daemon-reload && systemctl enable --now ${name}`;
  if (ownSockets) return { files: [serviceFile], modules: [], check, load: `${enable}.service` };
  const socket = unit({
    Unit: [`Description=The socket of the FastCGI application ${name}`],
    Socket: [
      `ListenStream=${"path" in address ? address.path : hostPort(address)}`,
      ..."path" in address ? ["SocketMode=0660", "# The web server's group.", "SocketGroup=www-data"] : [],
    ],
    Install: ["WantedBy=sockets.target"],
  });
  const files = [{ path: `${unitPath}.socket`, placement, text: socket } as const, serviceFile];
  return { files, modules: [], check, load: `${enable}.socket ${name}.service` };
}
