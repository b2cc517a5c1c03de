import assert from "node:assert/strict";
import { test } from "node:test";
import { testEngines, testHome } from "../provision/testing.ts";
import { computeSettings, type Settings } from "./defaults.ts";
import { badSettings, judgeEach } from "./validate.ts";

for (const engine of await testEngines()) {
  test(`settings: every problem is reported at once, in the engine's words (${engine.kind} ${engine.version})`, async (t) => {
    const home = await testHome(t);
    const context = { template: await home.template(engine), owner: home.owner, signal: home.signal };
    const wrong: Settings = {
      "work_mem": "12x",
      "nosuch": "1",
      "max_connections": "999999999",
      "Port": "5432",
      "archive_command": "true",
      "synchronous_commit": "off",
      "fsync": "off",
      "max_wal_senders": "0",
      "a b": "1",
      "checkpoint_timeout": "10min",
    };
    const { problems, good } = await judgeEach(wrong, context);
    assert.deepEqual(good, { checkpoint_timeout: "10min" });
    const error = badSettings(problems);
    assert.equal(error.message, "9 settings cannot be used");
    for (const part of [
      '"a b" is not the name of a setting',
      '"Port" is decided by Matriarch',
      '"archive_command" is decided by Matriarch',
      '"synchronous_commit" is decided by Matriarch',
      '"fsync" is decided by Matriarch: it would lose acknowledged writes',
      '"max_wal_senders" must be at least 10',
      'invalid value for parameter "work_mem": "12x". Valid units for this parameter',
      'unrecognized configuration parameter "nosuch"',
      '999999999 is outside the valid range for parameter "max_connections"',
    ]) {
      assert.ok(error.detail?.includes(part), `${part}\n${error.detail}`);
    }
    assert.doesNotMatch(error.detail ?? "", /checkpoint_timeout/);
  });

  test(`settings: what we compute is valid for any machine (${engine.kind} ${engine.version})`, async (t) => {
    const home = await testHome(t);
    const template = await home.template(engine);
    for (const [memoryBytes, cpus] of [
      [2 ** 28, 0.5],
      [2 ** 30, 2],
      [2 ** 34, 8],
      [2 ** 40, 128],
    ] as const) {
      const sizing = { major: engine.major, memoryBytes, cpus, diskBytes: memoryBytes * 4, members: 3 };
      const settings = { ...computeSettings(sizing) };
      // Those that a user may not set are judged by the servers that other tests start.
      const askable = Object.entries(settings).filter(
        ([name]) => !/^(wal_|log|hot|recovery|restart|sync|allow)/.test(name),
      );
      const context = { template, owner: home.owner, signal: home.signal };
      const { problems } = await judgeEach(Object.fromEntries(askable), context);
      assert.deepEqual(problems, []);
    }
  });
}
