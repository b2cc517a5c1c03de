/** A source's address that no socket takes: refused, and this process lives on after pg's time limit. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "node:test";

test("an address with a null byte does not end the process that was to connect", { timeout: 60_000 }, async () => {
  const path = new URL("./source.ts", import.meta.url).href;
  const script = `
    const { SourceSession } = await import(${JSON.stringify(path)});
    const server = { host: "a\\0b", port: 1, user: "u", password: "", database: "d", parameters: {} };
    await SourceSession.open(server).catch(({ code }) => console.log(code));
    setTimeout(() => console.log("alive"), 11_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  assert.deepEqual([said, code], ["source-unreachable\nalive\n", 0]);
});
