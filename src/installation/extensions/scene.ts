/** What a change of extensions is judged by: what the databases have, what the hosts have, what the servers run with. */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { ClusterSpec, MemberId } from "../../domain/cluster.ts";
import type { Admin } from "../../drivers/postgres/accounts/admin.ts";
import { lookAround } from "../../drivers/postgres/accounts/look.ts";
import { installedIn, type InstalledExtension } from "../../drivers/postgres/extensions/look.ts";
import { withSession } from "../../drivers/postgres/session/session.ts";
import { lookOnPrimary } from "../accounts/primary.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { contentsOf, type FoundExtension, type HostContents } from "./hosts.ts";

const askMs = 5000;

export interface Scene {
  readonly name: string;
  readonly spec: ClusterSpec;
  readonly hosts: readonly HostContents[];
  /** by database, without plpgsql, which every one has */
  readonly databases: ReadonlyMap<string, readonly InstalledExtension[]>;
  /** values of the asked settings in the running servers, by member; in the order of a restart, the primary last */
  readonly running: ReadonlyMap<MemberId, ReadonlyMap<string, string>>;
}

/** @param settings whose values in the running servers matter; `packages`: extensions whose packages do */
export async function lookAtScene(
  parts: Parts,
  name: string,
  wanted: { readonly settings: readonly string[]; readonly packages: readonly string[] },
): Promise<Scene> {
  const databases = await lookOnPrimary(parts, name, installedEverywhere);
  const cluster = clusterOf(parts, name);
  const [hosts, running] = await Promise.all([
    contentsOf(parts, cluster.record, wanted.packages),
    runningValues(cluster, wanted.settings),
  ]);
  return { name, spec: cluster.record.spec.value, hosts, databases, running };
}

/** Without plpgsql, which every database has. */
export async function installedEverywhere(admin: Admin): Promise<ReadonlyMap<string, readonly InstalledExtension[]>> {
  const found = new Map<string, readonly InstalledExtension[]>();
  for (const database of (await lookAround(admin)).databases.keys()) {
    const installed = await admin.inDatabase(database, installedIn);
    found.set(
      database,
      installed.filter(({ name }) => name !== "plpgsql"),
    );
  }
  return found;
}

/** Of the servers that run and answer, on whichever host. */
export async function runningValues(
  cluster: ClusterRuntime,
  settings: readonly string[],
): Promise<ReadonlyMap<MemberId, ReadonlyMap<string, string>>> {
  const { holder } = cluster.record.reign.value;
  const running = [...cluster.members.values()]
    .filter(({ server }) => server.kind === "running")
    .toSorted((a, b) => Number(a.id === holder) - Number(b.id === holder));
  const values = await Promise.all(
    running.map(async ({ id, socketDirectory }) => {
      const port = cluster.record.members[id]?.value.port ?? 0;
      const known = await valuesOf({ socketDirectory, port }, settings).catch(() => undefined);
      return known && ([id, known] as const);
    }),
  );
  return new Map(values.filter((entry) => entry !== undefined));
}

async function valuesOf(
  target: { readonly socketDirectory: string; readonly port: number },
  settings: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const sql = `SELECT s.name, pg_catalog.current_setting(s.name, true) AS value
FROM pg_catalog.json_array_elements_text($1::pg_catalog.json) AS s (name)`;
  return withSession(target, { withinMs: askMs }, async (session) => {
    const rows = await session.query(sql, [JSON.stringify(settings)], { withinMs: askMs });
    return new Map(rows.map((row) => [row["name"] ?? "", row["value"] ?? ""]));
  });
}

/** Where the extension is enabled. */
export function databasesWith({ databases }: Scene, extension: string): readonly string[] {
  return [...databases].flatMap(([database, installed]) =>
    installed.some(({ name }) => name === extension) ? [database] : [],
  );
}

/** As the hosts that answer have it; the first that does. */
export function foundExtension({ hosts }: Scene, extension: string): FoundExtension | undefined {
  return hosts.flatMap(({ contents }) => contents?.extensions ?? []).find(({ name }) => name === extension);
}
