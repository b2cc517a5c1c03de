/**
 * `/metrics`: the figures of this host, of one of its members, or of a cluster over all its hosts. Made once by the
 * agent around what it knows; servers are asked at the same time, and a slow one is left out.
 */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import type { Backups } from "../../contract/backups.ts";
import type { ClusterStatus } from "../../contract/cluster.ts";
import { clusterMetricsSchema, type ClusterMetrics } from "../../contract/monitoring.ts";
import type { VolumeStatus } from "../../contract/storage.ts";
import { OpError } from "../../errors/op-error.ts";
import { showBackups } from "../backups/look.ts";
import { downtimeOf } from "../downtime.ts";
import { membersHere } from "../health/tell.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { clusterStatus } from "../status.ts";
import { statusContextOf } from "../status-context.ts";
import { askOthers } from "../storage/elsewhere.ts";
import { listVolumes } from "../storage/volumes.ts";
import { reportBackups } from "./backups.ts";
import { Exposition, mergeTexts } from "./exposition.ts";
import { reportHost } from "./host.ts";
import { reportCluster, reportMember, type ClusterFigures } from "./member.ts";
import { reportPool } from "./pool.ts";
import { reportPatroni } from "./patroni.ts";
import { reportServer } from "./postgres.ts";
import type { Asked, ServerSources } from "./sources.ts";

/** The ledger and the volumes are read so often at most. */
const rarelyMs = 30_000;
const volumesEveryMs = 60_000;
/** A repository is on the other side of a network, and asked by a program of its own. */
const backupsEveryMs = 600_000;
const soonMs = 300;
/** Nobody is meant to write. */
const atRest: ReadonlySet<ClusterStatus["state"]> = new Set(["stopped", "asleep", "creating", "destroying"]);

interface Rare<T> {
  value: T;
  at: number;
}

export class Metrics {
  readonly #parts: Parts;
  readonly #sources: ServerSources;
  readonly #volumes = new Map<string, Rare<readonly VolumeStatus[]>>();
  readonly #backups = new Map<string, Rare<Backups | undefined>>();
  readonly #pauses = new Map<string, Rare<ClusterFigures["pauses"]>>();
  #storeSeenAt: number;
  #scrapes = 0;

  constructor(parts: Parts, sources: ServerSources) {
    this.#parts = parts;
    this.#sources = sources;
    this.#storeSeenAt = parts.clock.wallNow();
    parts.signal.addEventListener("abort", () => this.#sources.keepOnly(new Set()), { once: true });
  }

  /** Of all members of this host, and of the host. @throws OpError member-not-found */
  async text(member: string | undefined): Promise<string> {
    const begun = performance.now();
    const to = new Exposition();
    const all = this.#members();
    this.#sources.keepOnly(new Set(all.map(({ member: { id } }) => id)));
    const wanted = member === undefined ? all : all.filter(({ member: { id } }) => id === member);
    if (member !== undefined && wanted.length === 0) throw unknownMember(member);
    await this.#report(to, wanted);
    await this.#reportHost(to);
    this.#scrapes += 1;
    to.counter("pg_exporter_scrapes_total", "Times that this was asked for", this.#scrapes);
    to.gauge("pg_exporter_last_scrape_duration_seconds", "How long this took", (performance.now() - begun) / 1000);
    return to.text();
  }

  /** Of a cluster's members, those of other hosts too. @throws OpError cluster-not-found */
  async ofCluster(name: string, here: boolean): Promise<ClusterMetrics> {
    const cluster = clusterOf(this.#parts, name);
    const members = Object.values(cluster.record.members).map(({ value }) => value);
    const targets = members.flatMap((member) => this.#parts.statusUrl(member) ?? []).map((url) => `${url}/metrics`);
    const to = new Exposition();
    await this.#report(
      to,
      this.#members().filter((one) => one.cluster.name === name),
    );
    const self = this.#parts.hosts.self?.name;
    if (here || self === undefined) return { text: to.text(), targets, missing: [] };
    const others = [...new Set(members.map(({ host }) => host))].filter((host) => host !== self);
    const path = `/v1/clusters/${encodeURIComponent(name)}/metrics?here=true`;
    const question = { method: "GET", path, schema: clusterMetricsSchema } as const;
    const { answers, missing } = await askOthers(this.#parts, others, question);
    return { text: mergeTexts([to.text(), ...answers.map(({ text }) => text)]), targets, missing: [...missing] };
  }

  #members(): readonly Here[] {
    return [...this.#parts.runtime.clusters.values()].flatMap((cluster) =>
      membersHere(this.#parts, cluster).map((member) => ({ cluster, member })),
    );
  }

  async #report(to: Exposition, members: readonly Here[]): Promise<void> {
    const asked = await Promise.all(members.map((one) => this.#ask(one)));
    await Promise.all([...new Set(members.map((one) => one.cluster))].map((one) => this.#reportCluster(to, one)));
    members.forEach((one, at) => this.#reportMember(to, one, asked[at]));
  }

  async #reportCluster(to: Exposition, cluster: ClusterRuntime): Promise<void> {
    const status = clusterStatus(cluster, statusContextOf(this.#parts, cluster));
    reportCluster(to, cluster, { status, pauses: this.#pausesOf(status) });
    const backups = this.#backupsOf(cluster);
    if (backups) reportBackups(to, backups);
    if (!cluster.record.spec.value.pool) return;
    const figures = this.#parts.pools.figures(cluster.name).catch(() => undefined);
    reportPool(to, cluster.name, await soon(figures));
  }

  async #ask({ cluster, member }: Here): Promise<Asked | undefined> {
    const port = cluster.record.members[member.id]?.value.port;
    // Nothing is asked of a server that its own agent finds to be silent.
    if (member.server.kind !== "running" || port === undefined) return undefined;
    return this.#sources.ask(member.id, { socketDirectory: member.socketDirectory, port });
  }

  #reportMember(to: Exposition, { cluster, member }: Here, asked: Asked | undefined): void {
    const { clock, storeHealth } = this.#parts;
    const labels = { cluster: cluster.name, member: member.id };
    const wallNow = clock.wallNow();
    if (storeHealth.storeReachable) this.#storeSeenAt = wallNow;
    to.gauge("pg_up", "1 while the server answers", asked?.quick !== undefined, labels);
    to.gauge("pg_exporter_last_scrape_error", "1 when it did not answer in time", asked?.quick === undefined, labels);
    to.gauge("matriarch_member_scrape_seconds", "How long it was asked", (asked?.tookMs ?? 0) / 1000, labels);
    if (asked?.quick) reportServer(to, asked.quick, asked.slow, labels);
    const volume = this.#volumesOf(cluster.name).find((one) => one.member === member.id);
    reportMember(to, cluster, member, { now: clock.now(), wallNow, volume });
    reportPatroni(to, cluster, member, { wallNow, storeSeenAt: this.#storeSeenAt });
  }

  async #reportHost(to: Exposition): Promise<void> {
    const { hostName: host, startedAt, storeHealth, runtime, routerStatus, certFile } = this.#parts;
    const router = await soon(routerStatus().catch(() => undefined));
    const { storeReachable } = storeHealth;
    await reportHost(to, { host, clusters: runtime.clusters.size, startedAt, storeReachable, router, certFile });
  }

  /** Measuring walks through directories: in the background, and the last answer is given. */
  #volumesOf(cluster: string): readonly VolumeStatus[] {
    const known = this.#volumes.get(cluster) ?? { value: [], at: -Infinity };
    if (performance.now() - known.at >= volumesEveryMs) {
      known.at = performance.now();
      this.#volumes.set(cluster, known);
      listVolumes(this.#parts, cluster, { here: true }).then(
        ({ volumes }) => {
          known.value = volumes;
        },
        () => this.#volumes.delete(cluster),
      );
    }
    return known.value;
  }

  /** Asked by the host of the primary alone. */
  #backupsOf({ name, record, members }: ClusterRuntime): Backups | undefined {
    const { holder } = record.reign.value;
    const isOurs = membersHere(this.#parts, { record, members }).some(({ id }) => id === holder);
    if (!record.spec.value.backups || !isOurs) return undefined;
    const known = this.#backups.get(name) ?? { value: undefined, at: -Infinity };
    if (performance.now() - known.at >= backupsEveryMs) {
      known.at = performance.now();
      this.#backups.set(name, known);
      showBackups(this.#parts, name, true).then(
        (backups) => {
          known.value = backups;
        },
        () => this.#backups.delete(name),
      );
    }
    return known.value;
  }

  /** Anew at once while a pause lasts, or has begun since. */
  #pausesOf({ name: cluster, primary, state }: ClusterStatus): ClusterFigures["pauses"] {
    const known = this.#pauses.get(cluster);
    const mayBegin = state === "unavailable" || (primary === null && !atRest.has(state));
    const isOver = known?.value.lasting === 0 && !mayBegin;
    if (isOver && performance.now() - known.at < rarelyMs) return known.value;
    const { pauses, paused_ms: paused, longest_ms: longest } = downtimeOf(this.#parts, cluster, undefined);
    const counted = pauses.filter(({ why }) => why !== "stop");
    const lasting = Math.max(0, ...counted.filter(({ to }) => to === null).map(({ ms }) => ms));
    const value = { count: counted.length, seconds: paused / 1000, longest: longest / 1000, lasting: lasting / 1000 };
    this.#pauses.set(cluster, { value, at: performance.now() });
    return value;
  }
}

/** Undefined when it takes too long: a scrape waits for nobody. */
function soon<T>(work: Promise<T>): Promise<T | undefined> {
  return Promise.race([work, new Promise<undefined>((resolve) => setTimeout(resolve, soonMs, undefined).unref())]);
}

interface Here {
  readonly cluster: ClusterRuntime;
  readonly member: MemberRuntime;
}

function unknownMember(member: string): OpError {
  return new OpError("member-not-found", { message: `there is no member "${member}" on this host` });
}
