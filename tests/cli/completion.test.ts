/** Completion: what is offered at each place of a line, and the scripts in the real shells, where they are installed. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { unquoted } from "../../src/cli/completion/answer.ts";
import { cliEntry, createHarness, type Harness } from "./harness.ts";
import { hasTmux, openTerminal } from "./terminal.ts";

let harness: Harness;
before(async () => {
  harness = await createHarness({ clusters: ["shop", "stock"] });
  assert.equal((await harness.run(["attach", "shop", "--app", "web"])).code, 0);
});
after(() => harness[Symbol.asyncDispose]());

async function lines(...words: readonly string[]): Promise<readonly string[]> {
  const ran = await harness.run(["complete", "--", ...words]);
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  return ran.stdout.trimEnd().split("\n");
}

async function complete(...words: readonly string[]): Promise<readonly string[]> {
  return (await lines(...words)).filter((line) => !line.startsWith(":")).map((line) => line.split("\t")[0] ?? "");
}

describe("what is offered", () => {
  const offered: readonly (readonly [words: readonly string[], offers: readonly string[]])[] = [
    [["sw"], ["switchover"]],
    [
      ["member", ""],
      ["list", "add", "remove", "reclone"],
    ],
    [["help", "mem"], ["member"]],
    [["help", "dura"], ["durability"]],
    [
      ["help", "member", "re"],
      ["remove", "reclone"],
    ],
    [["man", "exit"], ["exit-codes"]],
    [
      ["status", ""],
      ["shop", "stock"],
    ],
    [["status", "st"], ["stock"]],
    // "start" may be left out; "import status" and a cluster named so are told apart as the parser does it.
    [
      ["import", ""],
      ["start", "status", "cutover", "abandon", "shop", "stock"],
    ],
    [
      ["import", "st"],
      ["start", "status", "stock"],
    ],
    [["import", "shop", "--source-e"], ["--source-env"]],
    [
      ["import", "cutover", ""],
      ["shop", "stock"],
    ],
    [
      ["help", "import", "s"],
      ["start", "status"],
    ],
    [["create", ""], []],
    [
      ["switchover", "shop", "--to", ""],
      ["shop-1", "shop-2", "shop-3"],
    ],
    [["switchover", "shop", "--to=shop-3"], ["shop-3"]],
    [
      ["member", "remove", "stock", ""],
      ["stock-1", "stock-2", "stock-3"],
    ],
    [
      ["uri", "shop", "--role", ""],
      ["primary", "read", "pooled"],
    ],
    [["uri", "--role", "read", "sh"], ["shop"]],
    [["--json", "status", "sh"], ["shop"]],
    [["--context", "local", "status", "sh"], ["shop"]],
    [["connect", "shop", "--database", ""], ["orders"]],
    [
      ["database", "create", ""],
      ["shop", "stock"],
    ],
    [["database", "create", "shop", ""], []],
    [["user", "drop", "shop", ""], ["ada"]],
    [["detach", "shop", "--app", ""], ["web"]],
    [["events", "shop", "--type", "failover.s"], ["failover.started"]],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["restart", "shop", "--m"], ["--member"]],
    [["status", "shop", "--watch", "--wa"], []],
    [["nope", ""], []],
    [["status", "shop", "x"], []],
    [["config", "set", "shop", "wor"], ["work_mem="]],
    [["config", "unset", "shop", "work"], ["work_mem"]],
    [["config", "show", "shop", "work"], ["work_mem"]],
    [["context", "use", ""], ["local"]],
  ];
  for (const [words, offers] of offered)
    test(`matriarch ${words.join(" ")}·`, async () => assert.deepEqual(await complete(...words), offers));

  test("files and directories are the shell's", async () => {
    assert.deepEqual(await lines("attach", "shop", "--env-file", ""), [":files"]);
    assert.deepEqual(await lines("certificate", "create", "--directory", ""), [":directories"]);
  });

  test("without an agent: commands alone, silently, and none is started", async () => {
    const ran = await harness.run(["complete", "--", "status", ""], {
      env: { MATRIARCH_HOME: join(harness.home, "none") },
    });
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, ":none\n", ""]);
  });

  test("a host that says nothing, a file of contexts that is damaged: nothing, silently and soon", async () => {
    const began = performance.now();
    assert.deepEqual(await lines("--host", "https://192.0.2.1:7400", "status", ""), [":none"]);
    assert.deepEqual(await lines("--context", "nope", "status", ""), [":none"]);
    assert.ok(performance.now() - began < 30_000);
  });

  test("words as bash hands them over", () => {
    for (const [typed, word] of [
      [`'my db`, "my db"],
      [`my\\ db`, "my db"],
      [`"a \\"b`, 'a "b'],
      ["$(touch x)", "$(touch x)"],
      [`--app='x y'`, "--app=x y"],
    ] as const)
      assert.equal(unquoted(typed), word);
  });
});

/** A program as it is installed: `matriarch` in the path. */
function installed(): string {
  const bin = join(harness.home, "bin");
  mkdirSync(bin, { recursive: true });
  const path = join(bin, "matriarch");
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${cliEntry}' "$@"\n`);
  chmodSync(path, 0o755);
  return bin;
}

function has(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** `tabs`: so many until all that fit are listed. */
const started = {
  bash: { command: ["bash", "--norc", "-i"], load: "source <(matriarch completion bash)", tabs: 2 },
  zsh: { command: ["zsh", "-f", "-i"], load: "source <(matriarch completion zsh)", tabs: 1 },
  fish: { command: ["fish", "--no-config", "-i"], load: "matriarch completion fish | source", tabs: 1 },
} as const;

for (const shell of ["bash", "zsh", "fish"] as const) {
  const skip = !hasTmux() ? "tmux is not installed" : has(shell) ? false : `${shell} is not installed`;
  test(`${shell}: Tab completes commands, clusters, members, and runs no name that it meets`, { skip }, async () => {
    const { command, load, tabs } = started[shell];
    const ran = join(harness.home, `ran-${shell}`);
    const name = `q$(touch ${ran})`;
    assert.equal((await harness.run(["database", "create", "stock", name])).code, 0);
    const path = `${installed()}:${process.env["PATH"]}`;
    await using terminal = await openTerminal(harness, { command, env: { PATH: path } });
    const enter = async (line: string, seen: RegExp): Promise<void> => {
      await terminal.type(line);
      await terminal.key("Enter");
      await terminal.see(seen);
    };
    await enter(`${load}; echo load''ed`, /^loaded/m);
    await enter("clear; echo cle''ared", /^cleared/m);
    await terminal.type("matriarch switcho");
    await terminal.key("Tab");
    await terminal.see(/matriarch switchover\s*$/m);
    await terminal.type("sh");
    await terminal.key("Tab");
    await terminal.see(/matriarch switchover shop/);
    await terminal.type("--to=shop-");
    for (let tab = 0; tab < tabs; tab += 1) await terminal.key("Tab");
    await terminal.see(/shop-1[^]*shop-3/);
    await terminal.type("3");
    await terminal.key("Enter");
    // What was completed is what the command takes.
    await terminal.see(/standby "shop-3" is 35 MB behind/);
    await terminal.type("matriarch connect stock --database=q");
    await terminal.key("Tab");
    await terminal.see(/--database=\S*q\S*touch/);
    await terminal.key("C-u");
    await enter("echo th''e end", /^the end/m);
    assert.ok(!existsSync(ran), await terminal.screen());
  });
}
