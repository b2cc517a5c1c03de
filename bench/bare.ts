/**
 * From three bare Debian machines to a cluster, as docs/hosts.md says it: its own shell blocks, word by word, on machines
 * with their own systemd; then what a server goes through in its life, under a client that writes without pause; then
 * docs/runbooks.md. Root only, with a way to Debian's mirror and to npm's registry. MATRIARCH_KEEP_BARE=1 leaves the
 * machines running for looking.
 */
import { until } from "../tests/faults/until.ts";
import type { BareMachine } from "../tests/hosts/bare/machine.ts";
import { runbooks } from "../tests/hosts/bare/runbooks.ts";
import { pasted, say, source, Three } from "../tests/hosts/bare/three.ts";
import { tool } from "../tests/hosts/lab/shell.ts";

const parts = { life: lives, reboot: reboots, engine, runbooks };

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  await using three = await Three.make();
  try {
    await three.install();
    for (const [name, part] of Object.entries(parts))
      if (wanted.length === 0 || wanted.includes(name)) await part(three);
    say("all as promised");
  } catch (error) {
    await three.tellWhatIsSeen();
    throw error;
  } finally {
    if (process.env["MATRIARCH_KEEP_BARE"]) {
      say("the machines are kept; SIGINT ends them");
      await new Promise((resolve) => process.once("SIGINT", resolve));
    }
  }
}

/** What a server goes through: each under load. */
async function lives(three: Three): Promise<void> {
  const { machines } = three;
  for (const machine of machines)
    await machine.ok("systemctl is-enabled matriarch; if systemctl is-active --quiet etcd; then exit 1; fi");
  const each = (act: (machine: BareMachine) => Promise<void>) => async (): Promise<void> => {
    for (const machine of machines) await act(machine);
  };
  await three.underLoad({
    what: "systemctl restart matriarch on each host",
    gapMsMax: 500,
    act: each(async (machine) => {
      await machine.ok("systemctl restart matriarch");
      await three.healthy(machine);
    }),
  });
  await three.underLoad({
    what: "kill -9 of each agent",
    gapMsMax: 500,
    act: each((machine) => killAgent(three, machine)),
  });
  await newCommit(three);
  await three.underLoad({
    what: "upgrade of each host",
    gapMsMax: 500,
    act: each(async (machine) => {
      const before = await machine.ok("stat -c %Y /opt/matriarch/dist/.stamp");
      await machine.ok(pasted("hosts.md", "Upgrading"));
      if ((await machine.ok("stat -c %Y /opt/matriarch/dist/.stamp")) === before) throw new Error("nothing was built");
      await three.healthy(machine);
    }),
  });
}

async function reboots(three: Three): Promise<void> {
  const { machines } = three;
  await three.underLoad({
    what: "reboot of each host",
    gapMsMax: 4000,
    act: async () => {
      for (const machine of machines) {
        await machine.reboot();
        await three.healthy(machine, 120_000);
      }
    },
  });
  const [first] = machines;
  await first?.ok("matriarch agent stop; sleep 3; if systemctl is-active --quiet matriarch; then exit 1; fi");
  await first?.ok("matriarch status shop; systemctl is-active matriarch");
  for (const machine of machines) await sane(machine);
}

async function killAgent(three: Three, machine: BareMachine): Promise<void> {
  const before = await machine.ok("systemctl show -P MainPID matriarch");
  await machine.ok(`kill -9 ${before}`);
  await until(`${machine.name}: systemd to start the agent again`, async () => {
    const now = (await machine.run("systemctl show -P MainPID matriarch")).stdout;
    return now !== before && now.trim() !== "0" ? true : undefined;
  });
  await three.healthy(machine);
}

/** As whoever works on it pushes it: a change that alters the bundle and nothing else. */
async function newCommit({ machines }: Three): Promise<void> {
  const [first, ...others] = machines;
  if (!first) return;
  await first.ok(`cd /tmp && rm -rf work && git clone --quiet ${source} work && cd work
    printf '\\nprocess.env["MATRIARCH_TRIAL"] = "newer";\\n' >>src/entry/agent.ts
    git -c user.name=trial -c user.email=trial@localhost commit --quiet --all --message "a newer one"
    git push --quiet origin HEAD`);
  for (const { root } of others) await tool("cp", "-a", `${first.root}${source}/.`, `${root}${source}`);
}

/** Debian's Postgres: refused while it is missing somewhere, and while the hosts have different versions of it. */
async function engine(three: Three): Promise<void> {
  const [first, second, third] = [three.machine(1), three.machine(2), three.machine(3)];
  const create = "matriarch create packaged --engine system --version 15";
  const install = pasted("hosts.md", "Debian's own Postgres");
  await refused(first, create, /not installed.*\n(DETAIL.*\n)?HINT.*apt-get install -y postgresql-15/);
  for (const machine of [first, second]) await machine.ok(install);
  await refused(first, create, /not installed on "db-3"/, "the third host alone to be told");
  const hint = /HINT:\s+Install it there: (.*)/.exec((await first.run(create)).stderr)?.[1];
  await third.ok(hint ?? "false");
  const program = "/usr/lib/postgresql/15/bin/postgres";
  await third.ok(`mv ${program} ${program}.real
    printf '#!/bin/sh\\n[ "$1" != --version ] || { echo "postgres (PostgreSQL) 15.1"; exit; }\\nexec ${program}.real "$@"\\n' >${program}
    chmod +x ${program}`);
  await refused(first, create, /different versions of Postgres/, "the difference to be told");
  await third.ok(`mv ${program}.real ${program}`);
  await until("packaged to be made", async () => ((await first.run(create)).code === 0 ? true : undefined));
  await first.ok("matriarch switchover packaged --yes");
  await three.underLoad({
    what: "reboot of a host with members of both engines",
    gapMsMax: 4000,
    act: async () => {
      await second.reboot();
      await three.healthy(second, 120_000);
    },
  });
  await until("packaged to be healthy", async () =>
    (await first.run("matriarch status packaged")).stdout.startsWith("packaged is healthy") ? true : undefined,
  );
  await first.ok("matriarch destroy packaged --yes");
  say("Debian's Postgres: refused where it is missing or of another version, installed as the hint says, used");
}

async function refused(machine: BareMachine, command: string, words: RegExp, what = "the refusal"): Promise<void> {
  let seen = "";
  await until(
    what,
    async () => {
      const ran = await machine.run(command);
      seen = ran.stdout + ran.stderr;
      if (ran.code === 0) throw new Error(`${command} was not refused`);
      return words.test(seen) ? true : undefined;
    },
    { seen: () => seen },
  );
}

/** Journal and units as an operator wants to find them. */
async function sane(machine: BareMachine): Promise<void> {
  const failed = await machine.ok("systemctl list-units --failed --plain --no-legend 'matriarch*' 'etcd*' 'postgres*'");
  if (failed.trim() !== "") throw new Error(`${machine.name}: failed units: ${failed}`);
  const lines = (await machine.ok("journalctl -u matriarch --no-pager -o cat")).trim().split("\n");
  const stack = lines.find((line) => /^\s+at .*\(.*:\d+:\d+\)/.test(line));
  if (stack !== undefined) throw new Error(`${machine.name}: a stack trace in the journal: ${stack}`);
  say(`${machine.name}: no failed unit, ${lines.length} sane lines in the journal`);
}

if (process.getuid?.() !== 0) throw new Error("this needs root: it makes machines and networks");
await tool("sh", "-c", "command -v debootstrap systemd-nspawn nft git").catch((cause: unknown) => {
  throw new Error("this needs: apt-get install -y debootstrap systemd-container nftables git", { cause });
});
await main();
