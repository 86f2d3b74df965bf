import { assertEquals, assertThrows } from "../std/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import {
  badLength,
  decodeBeginRequest,
  decodeEndRequest,
  decodeUnknownType,
  encodeBeginRequest,
  encodeEndRequest,
  encodeUnknownType,
} from "../../src/protocol/record_bodies.ts";
import { hex } from "../vectors/wire.ts";

Deno.test("encodeBeginRequest writes role, flags and zeros", () => {
  assertEquals(encodeBeginRequest({ role: 1, keepConn: false }), hex("0001 00 0000000000"));
  assertEquals(encodeBeginRequest({ role: 3, keepConn: true }), hex("0003 01 0000000000"));
  assertEquals(encodeBeginRequest({ role: 0xfffe, keepConn: true }), hex("fffe 01 0000000000"));
});

Deno.test("decodeBeginRequest masks unknown flags and ignores reserved bytes", () => {
  assertEquals(decodeBeginRequest(hex("0002 00 0000000000")), { role: 2, keepConn: false });
  assertEquals(decodeBeginRequest(hex("0102 ff ffffffffff")), { role: 258, keepConn: true });
  assertEquals(decodeBeginRequest(hex("ffff fe 0102030405")), { role: 65_535, keepConn: false });
});

Deno.test("encodeEndRequest writes appStatus, protocolStatus and zeros", () => {
  assertEquals(encodeEndRequest({ appStatus: 0, protocolStatus: 0 }), hex("00000000 00 000000"));
  assertEquals(encodeEndRequest({ appStatus: 938, protocolStatus: 0 }), hex("000003aa 00 000000"));
  assertEquals(encodeEndRequest({ appStatus: 0xfedcba98, protocolStatus: 3 }), hex("fedcba98 03 000000"));
  assertEquals(encodeEndRequest({ appStatus: -1, protocolStatus: 0 }), hex("ffffffff 00 000000"));
});

Deno.test("decodeEndRequest reads appStatus without a sign and ignores reserved bytes", () => {
  assertEquals(decodeEndRequest(hex("000003aa 00 000000")), { appStatus: 938, protocolStatus: 0 });
  assertEquals(decodeEndRequest(hex("ffffffff 02 ffffff")), { appStatus: 2 ** 32 - 1, protocolStatus: 2 });
  assertEquals(decodeEndRequest(hex("80000001 ff 000000")), { appStatus: 2 ** 31 + 1, protocolStatus: 255 });
});

Deno.test("encodeUnknownType writes the type and zeros, decodeUnknownType reads it", () => {
  assertEquals(encodeUnknownType(12), hex("0c 00000000000000"));
  for (const type of [0, 12, 255]) assertEquals(decodeUnknownType(encodeUnknownType(type)), type);
  assertEquals(decodeUnknownType(hex("63 ffffffffffffff")), 99);
});

Deno.test("bodies keep their values when encoded and decoded", () => {
  for (const role of [0, 1, 255, 256, 65_535]) {
    for (const keepConn of [false, true]) {
      assertEquals(decodeBeginRequest(encodeBeginRequest({ role, keepConn })), { role, keepConn });
    }
  }
  for (const appStatus of [0, 1, 255, 256, 2 ** 16, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
    for (const protocolStatus of [0, 1, 2, 3, 255]) {
      assertEquals(decodeEndRequest(encodeEndRequest({ appStatus, protocolStatus })), { appStatus, protocolStatus });
    }
  }
});

Deno.test("bodies are refused when they are not 8 bytes long", () => {
  const decoders = [
    ["FCGI_BEGIN_REQUEST", decodeBeginRequest],
    ["FCGI_END_REQUEST", decodeEndRequest],
    ["FCGI_UNKNOWN_TYPE", decodeUnknownType],
  ] as const;
  for (const [name, decode] of decoders) {
    for (const length of [0, 1, 7, 9, 16, 65_535]) {
      const error = assertThrows(() => decode(new Uint8Array(length)), ProtocolError);
      assertEquals(error.code, "BAD_LENGTH");
      assertEquals(error.message, `Cannot read ${name}: its content is ${length} bytes, not 8`);
    }
  }
  assertEquals(badLength("X", 3).code, "BAD_LENGTH");
});
