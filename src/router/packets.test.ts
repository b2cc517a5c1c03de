import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatFatal } from "../links/fatal.ts";
import { endsAtReadyForQuery, formatCancel, keyOf, parseOpening, startupBytesMax } from "./packets.ts";

function startup(parameters: readonly string[], code = 196608): Buffer {
  const body = Buffer.from(`${parameters.map((text) => `${text}\0`).join("")}\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

test("a start-up packet gives its parameters, empty values and later bytes included", () => {
  const bytes = startup(["user", "ada", "options", "", "database", "shop"]);
  const packet = parseOpening(Buffer.concat([bytes, Buffer.from("more")]));
  assert.ok(packet.kind === "startup");
  assert.deepEqual(
    [...packet.parameters],
    [
      ["user", "ada"],
      ["options", ""],
      ["database", "shop"],
    ],
  );
});

test("a packet is incomplete until its last byte", () => {
  const bytes = startup(["user", "ada"]);
  for (let length = 0; length < bytes.length; length += 1) {
    assert.equal(parseOpening(bytes.subarray(0, length)).kind, "incomplete");
  }
  assert.equal(parseOpening(bytes).kind, "startup");
});

test("packets that Postgres refuses are refused with its words", () => {
  const code = (bytes: Buffer) => {
    const packet = parseOpening(bytes);
    return packet.kind === "bad" ? packet.error?.code : packet.kind;
  };
  assert.equal(code(startup(["user", "ada"], 2 << 16)), "0A000");
  assert.equal(code(startup(["database", "shop"])), "28000");
  assert.equal(code(Buffer.from([0, 0, 0, 13, 0, 3, 0, 0, 117, 115, 101, 114, 0])), "08P01");
  assert.equal(code(Buffer.from([0, 0, 0, 7, 0, 3, 0, 0])), undefined);
  const long = Buffer.alloc(8);
  long.writeUInt32BE(startupBytesMax + 1, 0);
  assert.equal(code(long), undefined);
});

test("a cancel request carries keys of 8 to 260 bytes unchanged", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 260 }), (bytes) => {
      const packet = parseOpening(formatCancel(keyOf(Buffer.from(bytes))));
      assert.ok(packet.kind === "cancel");
      assert.deepEqual(Buffer.from(packet.key, "latin1"), Buffer.from(bytes));
    }),
  );
});

test("no bytes make the parser throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void parseOpening(Buffer.from(bytes))));
  const head = fc.tuple(
    fc.integer({ min: 8, max: 300 }),
    fc.constantFrom(196608, 196610, 80877102, 80877103, 80877104),
  );
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 300 }), ([length, code], body) => {
      const bytes = Buffer.concat([Buffer.alloc(8), body]);
      bytes.writeUInt32BE(length, 0);
      bytes.writeUInt32BE(code, 4);
      parseOpening(bytes);
    }),
  );
});

test("an error is one whole message, whatever its text", () => {
  const bytes = formatFatal({ code: "57P03", message: "ä\0b", hint: "Try again." });
  assert.equal(bytes.readUInt32BE(1), bytes.length - 1);
  assert.match(bytes.toString(), /SFATAL\0VFATAL\0C57P03\0Mä b\0HTry again.\0\0$/);
});

test("the end of an answer is recognised", () => {
  const ready = Buffer.from([1, 2, 0x5a, 0, 0, 0, 5, 0x49]);
  assert.ok(endsAtReadyForQuery(ready, ready.length));
  assert.ok(!endsAtReadyForQuery(ready, ready.length - 1));
  assert.ok(!endsAtReadyForQuery(ready.subarray(3), 5));
});
