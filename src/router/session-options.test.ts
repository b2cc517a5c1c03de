import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseOpening } from "./packets.ts";
import { takeOptions } from "./session-options.ts";

function packet(parameters: Readonly<Record<string, string>>, after = ""): Buffer {
  const body = Buffer.from(`${Object.entries(parameters).flat().join("\0")}\0\0`, "latin1");
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(3 << 16, 4);
  return Buffer.concat([head, body, Buffer.from(after)]);
}

function taken(parameters: Readonly<Record<string, string>>, isReadOnly = false) {
  const asked = takeOptions(packet({ user: "u", ...parameters }), isReadOnly);
  assert.ok(!asked.problem, asked.problem?.message);
  const opening = parseOpening(asked.bytes);
  assert.ok(opening.kind === "startup");
  return { options: asked.options, parameters: Object.fromEntries(opening.parameters) };
}

describe("options for the router", () => {
  for (const options of [
    "-c matriarch.max_lag=5s",
    "--matriarch.max_lag=5s",
    "-cmatriarch.max_lag=5s",
    "-c matriarch.max_lag=5000ms",
    String.raw`-c matriarch.max_lag=5\ s`,
  ])
    test(`are taken out of options: ${options}`, () => {
      const { options: asked, parameters } = taken({
        options: `-c work_mem=8MB ${options} -c a.b=x\\ y`,
        database: "d",
      });
      assert.equal(asked.maxLagMs, 5000);
      assert.equal(parameters["options"], "-c work_mem=8MB -c a.b=x\\ y");
      assert.equal(parameters["database"], "d");
    });

  test("are parameters of their own as well", () => {
    const { options, parameters } = taken({ "matriarch.after_lsn": "0/16B3748", "matriarch.wait": "250ms" });
    assert.deepEqual(options, { waitMs: 250, afterLsn: "0/16B3748" });
    assert.deepEqual(parameters, { user: "u" });
  });

  test("a packet without any stays as it is, to the byte", () => {
    const bytes = packet({ user: "\u00e4", options: "-c  work_mem=1MB" }, "more");
    const asked = takeOptions(bytes, false);
    assert.ok(!asked.problem && asked.bytes.equals(bytes));
  });

  test("what follows the packet is kept, and bytes that are no UTF-8", () => {
    const asked = takeOptions(packet({ "user": "\u00e4", "matriarch.wait": "1s" }, "more"), false);
    assert.ok(!asked.problem);
    assert.ok(asked.bytes.equals(packet({ user: "\u00e4" }, "more")));
  });

  test("sessions for reads are read-only, whatever they ask for", () => {
    const { parameters } = taken(
      { default_transaction_read_only: "off", options: "-c default_transaction_read_only=off" },
      true,
    );
    assert.equal(Object.entries(parameters).at(-1)?.join(), "default_transaction_read_only,on");
  });

  for (const [name, value, code] of [
    ["matriarch.max_lag", "5", "22023"],
    ["matriarch.max_lag", "1s", "22023"],
    ["matriarch.max_lag", "2h", "22023"],
    ["matriarch.max_lag", "", "22023"],
    ["matriarch.after_lsn", "0/16B3748'; select 1", "22023"],
    ["matriarch.after_lsn", "16B3748", "22023"],
    ["matriarch.wait", "31s", "22023"],
    ["matriarch.wait", "-1s", "22023"],
    ["matriarch.maxlag", "5s", "42704"],
    ["matriarch.", "", "42704"],
  ] as const)
    test(`${name}=${value} is refused`, () => {
      const inOptions = takeOptions(packet({ user: "u", options: `-c ${name}=${value.replaceAll(" ", "\\ ")}` }), true);
      const alone = takeOptions(packet({ user: "u", [name]: value }), true);
      assert.deepEqual([inOptions.problem?.code, alone.problem?.code], [code, code]);
    });
});
