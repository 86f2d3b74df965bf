import { isLoopback, PeerList } from "../../src/server/peer_list.ts";
import { assertEquals, assertThrows } from "../std/assert.ts";

const cases: readonly (readonly [entry: string, inside: readonly string[], outside: readonly string[]])[] = [
  ["10.0.0.7", ["10.0.0.7", "::ffff:10.0.0.7", "::ffff:a00:7", "::FFFF:A00:7"], ["10.0.0.6", "10.0.0.70", "::a00:7"]],
  ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["11.0.0.0", "9.255.255.255", "a00::1"]],
  ["10.9.8.7/8", ["10.0.0.1"], ["11.0.0.1"]],
  ["192.168.4.0/22", ["192.168.4.0", "192.168.7.255"], ["192.168.3.255", "192.168.8.0"]],
  ["192.168.1.128/25", ["192.168.1.128", "192.168.1.255"], ["192.168.1.127", "192.168.1.0"]],
  ["192.168.1.5/31", ["192.168.1.4", "192.168.1.5"], ["192.168.1.6", "192.168.1.3"]],
  ["192.168.1.5/32", ["192.168.1.5"], ["192.168.1.4"]],
  ["0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::1", "fe80::1"]],
  ["::/0", ["::", "::1", "fe80::1", "ffff::", "10.0.0.1"], [""]],
  ["::1", ["::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0.0.0.1"], [
    "::2",
    "127.0.0.1",
    "::",
  ]],
  ["fd00::/8", ["fd00::", "fdff:ffff::1"], ["fc00::1", "fe00::1"]],
  ["2001:db8:1:2::/64", ["2001:db8:1:2::", "2001:0DB8:1:2:ffff:ffff:ffff:ffff"], ["2001:db8:1:3::", "2001:db8::1"]],
  ["2001:db8::/33", ["2001:db8:7fff::"], ["2001:db8:8000::"]],
  ["fe80::/10", ["fe80::1%eth0", "febf::1"], ["fec0::1"]],
  ["::ffff:10.0.0.0/104", ["10.1.1.1"], ["11.1.1.1"]],
  ["::ffff:127.0.0.1", ["127.0.0.1"], ["127.0.0.2"]],
  ["1::", ["1:0:0:0:0:0:0:0", "1::"], ["1::1"]],
  ["1:2:3:4:5:6:7::", ["1:2:3:4:5:6:7:0"], ["1:2:3:4:5:6:7:8"]],
];

const has = (list: PeerList, hostname: string): boolean => list.has({ transport: "tcp", hostname, port: 5 });

for (const [entry, inside, outside] of cases) {
  Deno.test(`PeerList has the peers of ${entry} and no others`, () => {
    const list = PeerList.parse("x", [entry]);
    assertEquals(inside.filter((it) => !has(list, it)), []);
    assertEquals(outside.filter((it) => has(list, it)), []);
  });
}

Deno.test("PeerList has the peers of each entry, and never one without an IP address", () => {
  const list = PeerList.parse("x", ["10.0.0.1", "::/0"]);
  assertEquals(has(list, "10.0.0.1"), true);
  assertEquals(["", "localhost", "1.2.3", "::1::"].filter((it) => has(list, it)), []);
  assertEquals(list.has({ transport: "unix", path: "/run/a.sock" }), false);
  assertEquals(list.has({ transport: "fd", fd: 3 }), false);
  assertEquals(has(PeerList.parse("x", []), "127.0.0.1"), false);
});

for (
  const entry of [
    ...["", " ", "10.0.0", "10.0.0.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", "10.0.0.", ".10.0.0.1", "0x7f.0.0.1"],
    ...["10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "/8", "*"],
    ...[":", ":::", "::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1/129", "g::", "12345::"],
    ...["::1.2.3", "1.2.3.4::", "::ffff:1.2.3.4:5", "[::1]", "fe80::1%eth0", "localhost", "unix"],
  ]
) {
  Deno.test(`PeerList refuses ${JSON.stringify(entry)}`, () => {
    const message = `Cannot serve: x has ${JSON.stringify(entry)} in it; write IP addresses or ranges`;
    assertThrows(() => PeerList.parse("x", ["::1", entry]), TypeError, message);
  });
}

Deno.test("isLoopback knows the addresses of this machine alone", () => {
  const own = ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "localhost"];
  assertEquals(own.filter((it) => !isLoopback(it)), []);
  assertEquals(["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "app.example"].filter(isLoopback), []);
});
