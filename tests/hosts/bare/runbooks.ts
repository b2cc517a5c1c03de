/** docs/runbooks.md, case by case, by its own shell blocks. Used by bench/bare.ts. */
import { rm } from "node:fs/promises";
import {
  installHostCertificate,
  makeHostRequest,
  readAuthority,
  signHost,
} from "../../../src/drivers/certificates/host.ts";
import { until } from "../../faults/until.ts";
import { blocksOf } from "./blocks.ts";
import type { BareMachine } from "./machine.ts";
import { say, tokenIn, type Three } from "./three.ts";

const page = "runbooks.md";
const zones = ["a", "b", "c"];
/** agents ask every etcd several times in so long */
const quietMs = 10_000;

export async function runbooks(three: Three): Promise<void> {
  await diskDead(three);
  await majorityLost(three);
  await allOff(three);
  await certificateEnded(three);
}

/** The page speaks of db-2; this is the same for another. */
function of(number: number, text: string, token = "TOKEN"): string {
  const to = (zone: string): string => `--name db-${number} --address 10.0.0.${number} --zone ${zone}`;
  return text
    .replaceAll(to("").replaceAll(String(number), "2") + "b", to(zones[number - 1] ?? "b"))
    .replaceAll("db-2", `db-${number}`)
    .replace("TOKEN", token);
}

async function diskDead(three: Three): Promise<void> {
  const [remove = "", join = ""] = blocksOf(page, "A host is lost for good");
  await three.machine(2)[Symbol.asyncDispose]();
  const token = tokenIn(await three.machine(1).ok(remove));
  const machine = await three.replace(2);
  await machine.ok(of(2, join, token));
  await whole(three);
  say("a host with a dead disk was replaced");
}

async function majorityLost(three: Three): Promise<void> {
  const [rebuild = "", force = "", remove = ""] = blocksOf(page, "The store has lost its majority");
  const [, join = ""] = blocksOf(page, "A host is lost for good");
  const first = three.machine(1);
  await moveTo(three, 2);
  await first.ok(`matriarch connect shop -c "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n"`);
  await three.healthy(first);
  for (const number of [2, 3]) await three.machine(number)[Symbol.asyncDispose]();
  await until("the store to be missed", async () =>
    /store/i.test((await first.run("matriarch status shop")).stdout) ? true : undefined,
  );
  await first.ok(rebuild);
  await first.ok(force);
  const token = tokenIn(await first.ok(remove));
  for (const number of [2, 3]) await (await three.replace(number)).ok(of(number, join, token));
  await whole(three);
  const rows = await first.ok(`matriarch connect shop -c "SELECT count(*) FROM kept"`);
  if (!rows.includes("1000")) throw new Error(`rows are missing: ${rows}`);
  say("a store without its majority was rebuilt, the two lost hosts were replaced");
}

async function allOff(three: Three): Promise<void> {
  await Promise.all(three.machines.map((machine) => machine.powerOff()));
  for (const machine of three.machines) await endCertificate(machine);
  for (const machine of three.machines) await machine.boot();
  await whole(three);
  say("all hosts were off for longer than certificates last, and came back by themselves");
}

async function certificateEnded(three: Three): Promise<void> {
  const [remove = "", anew = ""] = blocksOf(page, "A host was off for more than 90 days");
  const third = three.machine(3);
  await moveTo(three, 1);
  await third.powerOff();
  await endCertificate(third);
  // One that joined fourth would not have it.
  await rm(`${third.root}/var/lib/matriarch/ca/ca.key`);
  await third.boot();
  await until("the host not to be believed", async () =>
    /db-3 .*unreachable/.test((await three.machine(1).run("matriarch host list")).stdout) ? true : undefined,
  );
  const token = tokenIn(await three.machine(1).ok(of(3, remove)));
  await third.ok(of(3, anew, token));
  await whole(three);
  say("a host whose certificate had ended joined anew");
}

/** As if it had been signed long ago. */
async function endCertificate({ root, name, address }: BareMachine): Promise<void> {
  const home = `${root}/var/lib/matriarch`;
  const authority = await readAuthority(home);
  if (!authority) throw new Error(`${name} does not hold the key`);
  const request = await makeHostRequest(home, name);
  const longAgo = Date.now() - 200 * 24 * 3_600_000;
  await installHostCertificate(home, await signHost(authority, { request, name, address }, longAgo));
}

async function moveTo(three: Three, number: number): Promise<void> {
  const first = three.machine(1);
  const members = await first.ok("matriarch member list shop");
  const line = members.split("\n").find((row) => row.includes(`db-${number}`));
  const member = line?.split(/\s+/)[0] ?? "";
  if (!/primary/.test(line ?? "")) await first.ok(`matriarch switchover shop --to ${member} --yes`);
  await three.healthy(first);
}

/** Healthy, and with three members of the store again. */
async function whole(three: Three): Promise<void> {
  for (const machine of three.machines) await three.healthy(machine, 180_000);
  let seen = "";
  await until(
    "three members of the store",
    async () => {
      seen = (await three.machine(1).run("matriarch host list")).stdout;
      return [...seen.matchAll(/active .* member /g)].length === 3 ? true : undefined;
    },
    { seen: () => seen },
  );
  for (const machine of three.machines) await oneStore(machine);
}

/** An etcd that has come to something else than the others is refused by every agent: its host would not count at the next loss. */
async function oneStore(machine: BareMachine): Promise<void> {
  let seen = "";
  await until(
    `${machine.name}: no etcd to differ from the others`,
    async () => {
      seen = await machine.ok(`grep '"code":"store-replaced"' /var/lib/matriarch/agent.log | tail -n 1`);
      const at = /"time":"([^"]+)"/.exec(seen)?.[1];
      return at === undefined || Date.now() - Date.parse(at) > quietMs ? true : undefined;
    },
    { seen: () => seen },
  );
}
