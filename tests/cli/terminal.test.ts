/** What a person sees: the command line in a real terminal (tmux). */
import assert from "node:assert/strict";
import { test } from "node:test";

import { createHarness } from "./harness.ts";
import { hasTmux, openTerminal } from "./terminal.ts";

const skip = hasTmux() ? false : "tmux is not installed";

test("terminal: create turns while it works, ticks each step, and ends with what was made", { skip }, async () => {
  await using harness = await createHarness({ clusters: [] });
  harness.installation.stepMs = 600;
  await using terminal = await openTerminal(harness);
  await terminal.type("matriarch create shop");
  await terminal.key("Enter");
  await terminal.see(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] (preparing|starting)/);
  const text = await terminal.see(/matriarch switchover shop/);
  assert.match(text, /✓ starting the servers \d/);
  assert.match(text, /✓ waiting for the first commit/);
  const order = ["Made shop", "does not survive", "postgresql://", "Next:"].map((part) => text.indexOf(part));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  assert.ok(!order.includes(-1), text);
});

test("terminal: status --watch redraws in place and leaves the last picture", { skip }, async () => {
  await using harness = await createHarness();
  await using terminal = await openTerminal(harness);
  await terminal.type("matriarch status shop --watch");
  await terminal.key("Enter");
  await terminal.see(/shop is healthy[^]*Ctrl-C ends this/);
  harness.installation.update("shop", { state: "failing-over", detail: "the primary is lost" });
  const during = await terminal.see(/shop is failing-over\nthe primary is lost/);
  assert.doesNotMatch(during, /healthy/);
  await terminal.key("C-c");
  const after = await terminal.see(/^[#$>]$/m);
  assert.match(after, /shop is failing-over/);
  assert.equal(after.split("MEMBER").length, 2, "one picture is left");
});

test(
  "terminal: drop and detach show their plan and ask for the name; another one changes nothing",
  { skip },
  async () => {
    await using harness = await createHarness();
    assert.equal((await harness.run(["attach", "shop", "--app", "web"])).code, 0);
    await using terminal = await openTerminal(harness);
    for (const [line, name, plan, done] of [
      ["database drop shop orders", "orders", /orders/, "dropDatabase"],
      ["user drop shop ada", "ada", /ada/, "dropUser"],
      ["detach shop --app web", "web", /user "web" is dropped[^]*data stay/, "detach"],
    ] as const) {
      const count = (): number => harness.installation.calls.filter((call) => call.name === done).length;
      for (const [typed, seen] of [
        ["nope", /ERROR: {2}not confirmed, nothing was changed/],
        [name, /(Dropped|Detached) /],
      ] as const) {
        assert.equal(count(), 0);
        await terminal.type(`clear && matriarch ${line}`);
        await terminal.key("Enter");
        assert.match(await terminal.see(new RegExp(`Type ${name} to go on`)), plan);
        await terminal.type(typed);
        await terminal.key("Enter");
        await terminal.see(seen);
      }
      assert.equal(count(), 1);
    }
  },
);

test("terminal: destroy shows its plan and asks for the name", { skip }, async () => {
  await using harness = await createHarness();
  await using terminal = await openTerminal(harness);
  for (const [typed, seen] of [
    ["nope", /ERROR: {2}not confirmed/],
    ["shop", /destroy of "shop" done/],
  ] as const) {
    await terminal.type("clear && matriarch destroy shop");
    await terminal.key("Enter");
    await terminal.see(/deletes "shop"[^]*Type shop to go on/);
    await terminal.type(typed);
    await terminal.key("Enter");
    await terminal.see(seen);
  }
  assert.equal(harness.installation.calls.filter(({ name }) => name === "destroy").length, 1);
});
