/** Hosts as tables and sentences: what was made, what there is, what a drain has left. */
import { formatMoment } from "../../contract/moment.ts";
import type { Operation } from "../../contract/cluster.ts";
import type { HostMade, HostRemoved, HostStatus, JoinToken } from "../../contract/host.ts";
import { formatDuration } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";
import { renderTable } from "./table.ts";

export function renderHosts(hosts: readonly HostStatus[], paint: Paint): string {
  const table = renderTable(
    [
      { heading: "HOST", cell: ({ name }) => name },
      { heading: "ADDRESS", cell: ({ address, base_port }) => `${address}:${base_port}` },
      { heading: "ZONE", cell: ({ zone }) => zone },
      { heading: "REGION", cell: ({ region }) => region },
      { heading: "STATE", cell: stateCell },
      { heading: "VERSION", cell: ({ version }) => version },
      { heading: "STORE", cell: ({ runs_store }) => (runs_store ? "member" : "-") },
      { heading: "MEMBERS", cell: ({ members }) => (members.length === 0 ? "-" : members.join(", ")) },
    ],
    hosts,
    paint,
  );
  const notes = hosts.flatMap(replacementNote);
  return notes.length === 0 ? table : [table, "", ...notes.map((note) => paint("warn", note))].join("\n");
}

/** What becomes of the members of a host that is away, if nobody does anything. */
function replacementNote({ name, members, heard, replaced_in_ms: inMs }: HostStatus): readonly string[] {
  if (heard || members.length === 0) return [];
  const those = `members of "${name}"`;
  if (inMs === null) return [`The ${those} are not replaced by themselves; see: matriarch host settings`];
  if (inMs > 0) return [`In ${formatDuration(inMs)} the ${those} are replaced on a spare host, if there is one.`];
  return [`The ${those} are replaced as soon as there is a spare host: one without a member of the same cluster.`];
}

function stateCell({ state, heard, silent_ms }: HostStatus) {
  const silent = silent_ms === null ? "unreachable" : `unreachable for ${formatDuration(silent_ms)}`;
  if (!heard) return { text: state === "active" ? silent : `${state}, ${silent}`, tone: "bad" } as const;
  return { text: state, tone: state === "active" ? "good" : "warn" } as const;
}

export function renderHostMade(made: HostMade, paint: Paint): string {
  const { name, address, basePort, zone, region, store, engines, service, token, hosts } = made;
  if (!made.changed) return `This is host "${name}" of installation ${made.installation} already; nothing was changed.`;
  const majors = engines.system.length === 0 ? "none" : engines.system.join(", ");
  const lines = [
    paint("strong", `Host "${name}" ${token ? "is the first of" : "has joined"} installation ${made.installation}.`),
    `address   ${address}, ports ${basePort} to ${basePort + 5}`,
    `place     zone ${zone}, region ${region}`,
    `store     ${store.kind === "given" ? store.endpoints.join(", ") : ownStore(store.isMember)}`,
    `engines   embedded ${engines.embedded.join(", ")}; system ${majors}`,
    `agent     ${service === null ? "runs without systemd: start it after a reboot with matriarch agent start" : service}`,
  ];
  if (hosts.length > 0) lines.push(`others    ${hosts.join(", ")}`);
  if (!token) return [...lines, "", "See all hosts with: matriarch host list"].join("\n");
  return [...lines, "", ...joinLines(token)].join("\n");
}

function ownStore(isMember: boolean): string {
  return isMember ? "etcd, with a member on this host" : "etcd of the first three hosts";
}

export function renderToken(token: JoinToken, paint: Paint): string {
  return [...joinLines(token), paint("dim", `Take it back with: matriarch host token --revoke ${token.id}`)].join("\n");
}

function joinLines({ token, expires_at, uses }: JoinToken): readonly string[] {
  const whom = uses === 1 ? "one host" : `up to ${uses} hosts`;
  return [
    `On each machine that is to join (${whom}, until ${formatMoment(Date.parse(expires_at))}):`,
    "",
    `matriarch host join ${token}`,
  ];
}

export function renderDrained(host: string, { state, result }: Operation, paint: Paint): string {
  if (state !== "done") return `drain of "${host}" ${state}`;
  const [moved, stayed] = [words(result?.["moved"]), words(result?.["stayed"])];
  const lines = [paint("good", `Host "${host}" is drained: no primary is on it, and it gets no new members.`)];
  if (moved.length > 0) lines.push(`moved   ${moved.join(", ")}`);
  if (stayed.length > 0) lines.push(`stayed  ${stayed.join(", ")}: no other host has room for them`);
  return [...lines, `Undo it with: matriarch host undrain ${host}`].join("\n");
}

export function renderRemoved({ removed, members }: HostRemoved): string {
  const lines = members.map(({ cluster, member, successor }) =>
    successor === null
      ? `"${member}" left "${cluster}": no other host has room for it. When one does: matriarch member add ${cluster}`
      : `"${successor}" is being made in the place of "${member}"; see: matriarch status ${cluster}`,
  );
  const end = `On that machine, if it still runs: matriarch agent stop --servers`;
  return [`Host "${removed}" was removed.`, ...lines, end].join("\n");
}

function words(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
}
