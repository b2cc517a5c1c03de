/**
 * Questions in a real terminal (tmux): what each of them shows, and what comes of the right word, a wrong one, Ctrl-C and
 * Ctrl-D. Whoever leaves a question has changed nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { ImportRequest, ImportStatus } from "../../src/contract/imports.ts";
import { OpError } from "../../src/errors/op-error.ts";
import { createHarness, type Harness } from "./harness.ts";
import { hasTmux, openTerminal } from "./terminal.ts";

const skip = hasTmux() ? false : "tmux is not installed";

interface Question {
  readonly line: string;
  /** what is on the screen when it waits */
  readonly asks: RegExp;
  /** keys of those who go on, and what they see */
  readonly goesOn: readonly string[];
  readonly done: RegExp;
  /** keys of those who do not mean it; left out: there is no wrong word */
  readonly wrong?: readonly string[];
  /** name of the call that must not be made before */
  readonly call: string;
}

const under: ImportStatus = {
  database: "orders",
  source: "postgres://ada@old/orders",
  state: "following",
  operation: null,
  begun_at: "2026-11-22T00:00:00.000Z",
  tables: null,
  lag_bytes: null,
  lag_seconds: null,
  problem: null,
};

const questions: readonly Question[] = [
  {
    line: "destroy shop",
    asks: /deletes "shop"[^]*Type shop to go on/,
    goesOn: ["shop", "Enter"],
    done: /destroy of "shop" done/,
    wrong: ["Shop", "Enter"],
    call: "destroy",
  },
  {
    line: "database drop shop orders",
    asks: /Type orders to go on/,
    goesOn: ["orders", "Enter"],
    done: /Dropped/,
    wrong: ["shop", "Enter"],
    call: "dropDatabase",
  },
  {
    line: "user drop shop ada",
    asks: /Type ada to go on/,
    goesOn: ["ada", "Enter"],
    done: /Dropped/,
    wrong: ["Enter"],
    call: "dropUser",
  },
  {
    line: "detach shop --app web",
    asks: /data stay[^]*Type web to go on/,
    goesOn: ["web", "Enter"],
    done: /Detached/,
    wrong: ["yes", "Enter"],
    call: "detach",
  },
  {
    line: "attach shop --app shop-web --database orders",
    asks: /database "orders" exists already[^]*Type orders to go on/,
    goesOn: ["orders", "Enter"],
    done: /postgresql:/,
    wrong: ["shop-web", "Enter"],
    call: "attach",
  },
  {
    line: "import abandon shop",
    asks: /orders[^]*Type orders to go on/,
    goesOn: ["orders", "Enter"],
    done: /done/,
    wrong: ["shop", "Enter"],
    call: "abandon",
  },
  {
    line: "config set shop max_connections=300",
    asks: /max_connections[^]*Restart shop-2, shop-1 now\?[^]*stays pending/,
    goesOn: ["y"],
    done: /in force on shop-1/,
    call: "config",
  },
];

async function prepare(): Promise<Harness> {
  const harness = await createHarness();
  assert.equal((await harness.run(["attach", "shop", "--app", "web"])).code, 0);
  const { calls, imports, accounts } = harness.installation;
  calls.length = 0;
  const attach: typeof accounts.attach = async (cluster, request, asked) => {
    if (request.use_existing) return accounts.attach(cluster, request, asked);
    // As src/installation/accounts/attach.ts says it.
    throw new OpError("database-exists", { message: `database "${request.database}" exists already` });
  };
  const abandon: typeof imports.abandon = async (cluster, wish, { by }) => {
    calls.push({ name: "abandon", args: [cluster, wish], by });
    return harness.installation.restart(cluster, {}, { by });
  };
  Object.assign(harness.installation, {
    accounts: { ...accounts, attach },
    imports: { ...imports, list: async () => [under], abandon },
  });
  return harness;
}

for (const { line, asks, goesOn, done, wrong, call } of questions)
  test(`terminal: ${line}: asked, left, mistaken, and done`, { skip }, async () => {
    await using harness = await prepare();
    await using terminal = await openTerminal(harness);
    const count = (): number => harness.installation.calls.filter(({ name }) => name === call).length;
    let round = 0;
    // What is on the screen from the round before does not count.
    const ask = async (keys: readonly string[]): Promise<void> => {
      round += 1;
      await terminal.type(`clear; echo "round ${round}"; matriarch ${line}; echo "code $?, round ${round}."`);
      await terminal.key("Enter");
      await terminal.see(new RegExp(`round ${round}\\n[^]*${asks.source}`));
      for (const key of keys) await (/^(Enter|C-.)$/.test(key) ? terminal.key(key) : terminal.type(key));
    };
    for (const keys of [["C-c"], ["C-d"], ...(wrong ? [wrong] : [])]) {
      await ask(keys);
      await terminal.see(new RegExp(`not confirmed, nothing was changed[^]*code 3, round ${round}\\.`));
      assert.equal(count(), 0, keys.join(" "));
    }
    await ask(goesOn);
    await terminal.see(new RegExp(`${done.source}[^]*code 0, round ${round}\\.`));
    assert.equal(count(), 1);
  });

test("terminal: import: its source is typed without being seen, or left", { skip }, async () => {
  await using harness = await createHarness();
  const { imports } = harness.installation;
  const asked: ImportRequest[] = [];
  const check: typeof imports.check = async (cluster, request) => {
    asked.push(request);
    return imports.check(cluster, request);
  };
  Object.assign(harness.installation, { imports: { ...imports, check } });
  await using terminal = await openTerminal(harness);
  const question = /URI of the source, postgres:/;
  for (const [round, key] of ["C-c", "C-d"].entries()) {
    await terminal.type(`clear; matriarch import shop --check; echo "code $?, round ${round}."`);
    await terminal.key("Enter");
    await terminal.see(question);
    await terminal.key(key);
    await terminal.see(new RegExp(`nothing was given, nothing was changed[^]*code 3, round ${round}\\.`));
  }
  assert.deepEqual(asked, []);
  await terminal.type('clear; matriarch import shop --check; echo "code $?, typed."');
  await terminal.key("Enter");
  await terminal.see(question);
  await terminal.type("postgres://ada:not-to-be-seen@old.example:5432/orders");
  await terminal.key("Enter");
  const screen = await terminal.see(/code 0, typed\./);
  assert.doesNotMatch(screen, /not-to-be-seen|old\.example/);
  assert.deepEqual(
    asked.map(({ source_password: password }) => password),
    ["not-to-be-seen"],
  );
});
