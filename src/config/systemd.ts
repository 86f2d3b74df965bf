/** What keeps an application running on a machine with systemd. */

import type { ConfigFiles } from "./config_file.ts";
import { hostPort, refuse, type Site, type SiteAddress } from "./site.ts";

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

/** What `webfcgi serve` can do besides: it says when the application is there, and its workers take new code. */
function forCommand({ command }: Site): string[] {
  const text = command.join(" ");
  if (!/webfcgi(?:\/cli)? serve\b/.test(text)) return [];
  return [
    "# A program of systemd's says it for the command.",
    "Type=notify",
    "NotifyAccess=all",
    ...text.includes(" --workers") ? ["ExecReload=/bin/kill -HUP $MAINPID"] : [],
  ];
}

const HARDENING = [
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
];

function serviceUnit(site: Site, ownSockets: boolean): string {
  const { name, command } = site;
  // The longest name of a user.
  const user = name.slice(0, 31);
  return unit({
    Unit: [
      `Description=The FastCGI application ${name}`,
      "After=network.target",
      ...ownSockets ? [] : [`Requires=${name}.socket`],
    ],
    Service: [
      `ExecStart=${words(command)}`,
      ...forCommand(site),
      `WorkingDirectory=/srv/${name}`,
      "# A user for as long as the service runs, unless there is one of that name.",
      "DynamicUser=yes",
      `User=${user}`,
      `Group=${user}`,
      ...ownSockets ? forOwnSockets(site) : [],
      "Restart=on-failure",
      "RestartSec=1",
      "TimeoutStopSec=15",
      "",
      ...HARDENING,
    ],
    Install: ["WantedBy=multi-user.target"],
  });
}

function socketUnit(name: string, address: SiteAddress): string {
  return unit({
    Unit: [`Description=The socket of the FastCGI application ${name}`],
    Socket: [
      `ListenStream=${"path" in address ? address.path : hostPort(address)}`,
      ..."path" in address ? ["SocketMode=0660", "# The web server's group.", "SocketGroup=www-data"] : [],
    ],
    Install: ["WantedBy=sockets.target"],
  });
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
  const ownSockets = address === undefined || more.length > 0;
  const placement = "a file of its own";
  const path = `/etc/systemd/system/${name}`;
  const check = [`systemd-analyze verify ${path}.service`];
  const service = { path: `${path}.service`, placement, text: serviceUnit(site, ownSockets) } as const;
  const enable = `systemctl daemon-reload && systemctl enable --now ${name}`;
  if (ownSockets) return { files: [service], modules: [], check, load: `${enable}.service` };
  const socket = { path: `${path}.socket`, placement, text: socketUnit(name, address) } as const;
  return { files: [socket, service], modules: [], check, load: `${enable}.socket ${name}.service` };
}
