/** The socket that systemd names in NOTIFY_SOCKET: datagrams, which Deno's stable sockets do not know. */

/** What stands in for systemd. */
export interface NotifySocket extends Disposable {
  readonly path: string;
  /** The messages so far. */
  received(): readonly string[];
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;

/** Opens the socket at a path. */
export function notifySocket(path: string): NotifySocket {
  const libc = Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const { socket, bind, recv, close } = libc.symbols;
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const address = new Uint8Array([AF_UNIX, 0, ...new TextEncoder().encode(path), 0]);
  if (fd < 0 || bind(fd, address, address.length) !== 0) throw new Error(`Cannot bind ${path}`);
  const messages: string[] = [];
  return {
    path,
    received() {
      const buffer = new Uint8Array(4096);
      for (let length = recv(fd, buffer, 4096n, 0); length > 0n; length = recv(fd, buffer, 4096n, 0)) {
        messages.push(...new TextDecoder().decode(buffer.subarray(0, Number(length))).trim().split("\n"));
      }
      return messages;
    },
    [Symbol.dispose]() {
      close(fd);
      libc.close();
    },
  };
}
