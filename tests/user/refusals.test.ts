/**
 * Copies that cannot be made: times that never were or were twice, ids that nobody has, names that are taken, snapshots
 * that are not what they say. Each is refused in words that tell what is wrong, before anything is written.
 */
import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { snapshotsSchema } from "../../src/contract/storage.ts";
import type { Installation } from "../faults/installation.ts";
import { refused, refusesCommand, type Asking, type Refusing } from "./as-it-was.ts";
import { begun } from "./restore-fixture.ts";

const hourMs = 3_600_000;
const iso = (ms: number): string => new Date(ms).toISOString();

describe("copies that cannot be made", () => {
  test("times, ids, names and snapshots that are wrong: refused, and nothing has changed", async (t) => {
    const { installation, client, rows } = await begun(t, {}, "--members", "1");
    await rows.add(2);
    const at: Refusing = { installation, client };
    const snapshot = await onlySnapshot(installation);
    await times(at);
    await ids(at, snapshot);
    await names(at);
    await snapshots(at, snapshot);
    await client.end();
  });
});

/** To make a copy of `shop`, or to put it back. */
function ways(target: Readonly<Record<string, string>>): readonly Asking[] {
  return [
    { path: "shop/restores", body: { name: "new", ...target } },
    { path: "shop/forks", body: { name: "new", ...target } },
    { path: "shop/restores/in-place", body: target },
  ];
}

async function times(at: Refusing): Promise<void> {
  const wrong: readonly (readonly [time: string, says: RegExp])[] = [
    ["2026-03-29 02:30 Europe/Berlin", /never was\n.*put forward over it/],
    ["2026-10-25 02:30 Europe/Berlin", /was twice\n.*put back over it.*\n.*Say which: '.*' or '/],
    ["2026-02-30 10:30Z", /never was\n.*no such day/],
    ["2026-11-21 10:30", /names no time zone\n.*\n.*for UTC, or/],
    ["2026-11-21", /is a day, and no moment of it\n.*Write it like/],
    ["yesterday", /"yesterday" is no time/],
    [iso(Date.now() + hourMs), /lies in the future\n.*It is .* now/],
  ];
  for (const [time, says] of wrong) for (const way of ways({ at: time })) await refused(at, way, "bad-value", says);
  for (const way of ways({ lsn: "0-5" })) await refused(at, way, "bad-value", /no position in a log/);
  for (const way of ways({ xid: "2" })) await refused(at, way, "bad-value", /no transaction's number/);
  for (const way of ways({ point: "never" })) await refused(at, way, "restore-point-not-found", /"never"/);
  for (const way of ways({ at: "1 ms ago", lsn: "0/1" })) await refused(at, way, "usage", /only one of/);
}

async function ids(at: Refusing, snapshot: string): Promise<void> {
  const other = `${snapshot.slice(0, -4)}${snapshot.endsWith("ffff") ? "eeee" : "ffff"}`;
  for (const id of [other, "../../clusters/shop"]) {
    for (const way of [...ways({ snapshot: id }), ...ways({ snapshot: id, at: "1 ms ago" })])
      await refused(at, way, "snapshot-not-found", /has no snapshot.*\n.*\n.*snapshot list/);
    const gone = { path: `shop/snapshots/${encodeURIComponent(id)}`, method: "DELETE" } as const;
    await refused(at, gone, "snapshot-not-found", /has no snapshot/);
  }
  const member = "shop-9";
  await refused(at, { path: "shop/forks", body: { name: "new", member } }, "member-not-found", /shop-9/);
  await refused(at, { path: "shop/snapshots", body: { member } }, "member-not-found", /shop-9/);
  for (const from of [{ backup: "20200101-000000F" }, { from_repository: true }]) {
    await refused(
      at,
      { path: "shop/restores", body: { name: "new", ...from } },
      "backups-disabled",
      /backup enable shop/,
    );
    const both = { path: "shop/restores", body: { name: "new", snapshot, ...from } };
    await refused(at, both, "usage", /a snapshot was named, and a backup or the repository/);
  }
  await refusesCommand(at, ["restore", "shop", "new", "--snapshot", other], 5, /HINT: {2}See those that there are/);
}

async function names(at: Refusing): Promise<void> {
  for (const what of ["restores", "forks"]) {
    await refused(at, { path: `shop/${what}`, body: { name: "shop" } }, "cluster-exists", /"shop" already exists/);
    await refused(
      at,
      { path: `shop/${what}`, body: { name: "../new" } },
      "bad-name",
      /cannot be the name of a cluster/,
    );
    await refused(at, { path: `none/${what}`, body: { name: "new" } }, "cluster-not-found", /"none" does not exist/);
  }
}

/** What it holds or says was changed by hand, or by a disk. */
async function snapshots(at: Refusing, id: string): Promise<void> {
  const directory = join(at.installation.home, "snapshots", "shop");
  const description = join(directory, `${id}.json`);
  const whole = await readFile(description, "utf8");
  const edits: readonly (readonly [what: string, text: string, says: RegExp])[] = [
    [
      "cut short",
      whole.slice(0, whole.length / 2),
      /the description of snapshot .* cannot be read\n.*\.json is damaged/,
    ],
    ["another one's", whole.replace(id, `${id.slice(0, -4)}0000`), /the description of snapshot .* cannot be read/],
    ["of other files", whole.replace('"cluster": "shop"', '"cluster": "../clusters/shop"'), /cannot be read/],
    ["another system's", whole.replace(/("systemIdentifier": )"\d+"/, '$1"7"'), isAnother(/should be .* of system 7/)],
    ["another major's", whole.replace(/("major": )\d+/, "$115"), isAnother(/should be of Postgres 15/)],
  ];
  for (const [what, text, says] of edits) {
    assert.notEqual(text, whole, what);
    await writeFile(description, text);
    await isRefused(at, id, says);
  }
  await writeFile(description, whole.replace('"cluster": "shop"', '"cluster": "../clusters/shop"'));
  await refused(at, { path: `shop/snapshots/${id}`, method: "DELETE" }, "snapshot-damaged", /cannot be read/);
  await writeFile(description, whole);
  const control = join(directory, id, "data", "global", "pg_control");
  const [bytes, aside] = [await readFile(control), join(at.installation.home, "pg_control")];
  const damaged = Buffer.from(bytes);
  damaged.fill(0x55, 40, 48);
  await rename(control, aside);
  await isRefused(at, id, /snapshot .* cannot be read\n.*pg_control/);
  await writeFile(control, damaged);
  await isRefused(at, id, /snapshot .* cannot be read\n.*checksum/);
  await rename(aside, control);
}

function isAnother({ source }: RegExp): RegExp {
  return new RegExp(`is not what its description says\\n.*${source}`);
}

async function isRefused(at: Refusing, id: string, says: RegExp): Promise<void> {
  for (const way of [...ways({ snapshot: id }), ...ways({ snapshot: id, at: "1 ms ago" })])
    await refused(at, way, "snapshot-damaged", says);
}

async function onlySnapshot(installation: Installation): Promise<string> {
  const { snapshots: found } = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop"));
  assert.equal(found.length, 1);
  return found[0]?.id ?? "";
}
