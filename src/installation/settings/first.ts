/**
 * Settings that a new cluster begins with, judged as `config set` judges a change: written as Postgres takes them, tried
 * by the engine of every host, and by our own rules. Called by create.ts, before any member is made.
 */
import type { ClusterSpec } from "../../domain/cluster.ts";
import { judgeTogether } from "../../drivers/postgres/configuration/rules.ts";
import { badSettings } from "../../drivers/postgres/configuration/validate.ts";
import { normalizeValue } from "../../drivers/postgres/configuration/values.ts";
import type { Parts } from "../parts.ts";
import { tryEverywhere } from "./try.ts";

const inUse = { preparedTransactions: 0, connections: 0, slots: 0 };

/** @param version of the packaged binaries that members begin with @throws OpError bad-value with everything that is wrong */
export async function firstSettings(
  parts: Parts,
  spec: ClusterSpec,
  hosts: readonly string[],
  version: string | undefined,
): Promise<ClusterSpec["settings"]> {
  if (Object.keys(spec.settings).length === 0) return spec.settings;
  const here = [parts.hosts.self?.name ?? parts.hostName];
  const known = await tryEverywhere(parts, here, { ...spec, version, settings: {} });
  const rows = new Map(known.settings.map((row) => [row.name.toLowerCase(), row]));
  const settings = Object.fromEntries(
    Object.entries(spec.settings).map(([name, text]) => {
      const row = rows.get(name);
      return [name, row ? normalizeValue(row, text) : text];
    }),
  );
  return judgedSettings(parts, { ...spec, settings }, hosts, version);
}

/** As above, of settings that are written as Postgres takes them already: a copy's, which are its source's. */
export async function judgedSettings(
  parts: Parts,
  spec: ClusterSpec,
  hosts: readonly string[],
  version: string | undefined,
): Promise<ClusterSpec["settings"]> {
  const { settings } = spec;
  if (Object.keys(settings).length === 0) return settings;
  const here = [parts.hosts.self?.name ?? parts.hostName];
  // The binaries that come with Matriarch are the same everywhere, and may not be fetched yet on the others.
  const tried = await tryEverywhere(parts, spec.engine === "embedded" ? here : hosts, { ...spec, version });
  const judged = judgeTogether(tried.settings, { memoryBytes: spec.memoryBytes, inUse });
  const problems = [...tried.problems, ...judged.problems];
  if (problems.length > 0) throw badSettings([...new Set(problems)]);
  return settings;
}
