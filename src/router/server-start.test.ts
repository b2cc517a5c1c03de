import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatFatal } from "../links/fatal.ts";
import { keyOf } from "./packets.ts";
import { ServerStart } from "./server-start.ts";

function message(type: string, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0, "latin1");
  bytes.writeUInt32BE(4 + body.length, 1);
  bytes.set(body, 5);
  return bytes;
}

const key = Buffer.from([0, 0, 1, 2, 9, 8, 7, 6]);
const greeting = Buffer.concat([
  message("R", Buffer.from([0, 0, 0, 0])),
  message("S", Buffer.from("server_version\u000015.18\u0000")),
  message("K", key),
  message("Z", Buffer.from("I")),
]);

test("the key is found however the stream is cut into chunks", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 80 }), (sizes) => {
      const start = new ServerStart();
      let at = 0;
      for (let turn = 0; at < greeting.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        start.feed(Buffer.from(greeting.subarray(at, at + size)));
        at += size;
      }
      assert.equal(start.key, keyOf(key));
      assert.ok(start.done);
      assert.equal(start.refusedWith, undefined);
    }),
  );
});

test("a first message that is an error gives its SQLSTATE, a later one does not", () => {
  const error = formatFatal({ code: "57P03", message: "the database system is starting up" });
  const refused = new ServerStart();
  refused.feed(error.subarray(0, 20));
  assert.ok(!refused.answered && !refused.atBoundary);
  refused.feed(error.subarray(20));
  assert.equal(refused.refusedWith, "57P03");
  assert.ok(refused.atBoundary);
  const later = new ServerStart();
  later.feed(Buffer.concat([message("R", Buffer.from([0, 0, 0, 10])), error]));
  assert.equal(later.refusedWith, undefined);
});

test("no bytes make it throw", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), (chunks) => {
      const start = new ServerStart();
      for (const chunk of chunks) if (!start.done) start.feed(Buffer.from(chunk));
    }),
  );
});
