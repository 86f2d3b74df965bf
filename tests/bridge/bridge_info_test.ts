import { type BridgeInfo, clientAddress } from "../../src/bridge/bridge_info.ts";
import { assertEquals } from "../std/assert.ts";

const request = new Request("http://localhost/", { headers: { "x-forwarded-for": "203.0.113.9" } });
const address = "192.0.2.1";

const infos: readonly (readonly [string, BridgeInfo, readonly unknown[]])[] = [
  ["nothing", {}, [undefined, undefined]],
  ["text", { remoteAddr: address, remotePort: 5 }, [address, 5]],
  ["Deno.serve's", { remoteAddr: { transport: "tcp", hostname: address, port: 5 } }, [address, 5]],
  ["Deno.serve's of a unix socket", { remoteAddr: { transport: "unix" } }, [undefined, undefined]],
  ["Bun.serve's", { requestIP: (asked) => asked === request ? { address, port: 5 } : null }, [address, 5]],
  ["Bun.serve's of a unix socket", { requestIP: () => null }, [undefined, undefined]],
  ["Node's", { incoming: { socket: { remoteAddress: address, remotePort: 5 } } }, [address, 5]],
  ["Node's of IPv4 in IPv6", { incoming: { socket: { remoteAddress: "::ffff:192.0.2.1" } } }, [address, undefined]],
  ["an IPv6 address", { remoteAddr: "2001:db8::ffff:1" }, ["2001:db8::ffff:1", undefined]],
];

for (const [name, info, expected] of infos) {
  Deno.test(`clientAddress reads the address when told ${name}`, () => {
    const { remoteAddr, remotePort } = clientAddress(request, info);
    assertEquals<unknown>([remoteAddr, remotePort], expected);
  });
}

Deno.test("clientAddress reads the address when the request has it", () => {
  const own = Object.defineProperty(new Request("http://localhost/"), "ip", { value: address });
  assertEquals(clientAddress(own, {}).remoteAddr, address);
});
