/**
 * What a client saw of its writes, and what must be true of them afterwards. The recorder (record-writer.ts) makes
 * histories; the tests of faults check them. Pure. Times are milliseconds of one monotonic clock, the client's.
 */

/** One insert of one row with an id that no other write has. */
export interface Write {
  readonly id: string;
  /** before it was sent */
  readonly sentAt: number;
  /** when the client knew the outcome, or gave up */
  readonly endedAt: number;
  /**
   * acknowledged: the server said that it is committed. refused: it certainly is not, because it never left or the
   * server said so before the commit. unknown: sent, and no answer.
   */
  readonly outcome: "acknowledged" | "refused" | "unknown";
  /** the server that acknowledged it: known only then */
  readonly server: ServerMark | undefined;
  readonly error: string | undefined;
}

/** Which server it was, as the server itself says. */
export interface ServerMark {
  /** postmaster's start and port: one running server, and no other */
  readonly instance: string;
  readonly timeline: number;
}

export type History = readonly Write[];

export interface Verdict {
  /** acknowledged, and not there: I1 is broken */
  readonly lost: readonly string[];
  /** there more than once */
  readonly duplicated: readonly string[];
  /** there although the client was told for certain that it is not */
  readonly resurrected: readonly string[];
  /** there, and never written by this client */
  readonly invented: readonly string[];
  /** two servers acknowledged writes in overlapping time: I3 is broken */
  readonly overlaps: readonly Overlap[];
  /** a server on an older timeline acknowledged after one on a newer timeline had */
  readonly backwards: readonly Overlap[];
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** unknown ones that turned out to be committed */
  readonly unknownCommitted: number;
  readonly gap: Gap | undefined;
}

export interface Overlap {
  /** acknowledged by one server... */
  readonly first: Write;
  /** ...and sent to, and acknowledged by, another before the first server's last acknowledgement */
  readonly second: Write;
}

/** The longest time without an acknowledgement, while the client was writing. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly ms: number;
}

/**
 * @param finalRows ids read from the cluster at the end, when it is healed and quiet; each as often as it is there
 */
export function checkHistory(history: History, finalRows: readonly string[]): Verdict {
  const rows = new Set(finalRows);
  const written = new Set(history.map((write) => write.id));
  const acknowledged = history.filter((write) => write.outcome === "acknowledged");
  const unknown = history.filter((write) => write.outcome === "unknown");
  return {
    lost: acknowledged.filter((write) => !rows.has(write.id)).map((write) => write.id),
    duplicated: findDuplicates(finalRows),
    resurrected: history.filter((write) => write.outcome === "refused" && rows.has(write.id)).map((write) => write.id),
    invented: [...rows].filter((id) => !written.has(id)),
    ...compareServers(acknowledged),
    acknowledged: acknowledged.length,
    refused: history.length - acknowledged.length - unknown.length,
    unknown: unknown.length,
    unknownCommitted: unknown.filter((write) => rows.has(write.id)).length,
    gap: longestGap(history),
  };
}

/** @throws Error that tells every promise that was broken; an empty history proves nothing and is refused too */
export function assertKept(verdict: Verdict): void {
  const broken = [
    verdict.acknowledged === 0 && "no write was acknowledged: the history proves nothing",
    verdict.lost.length > 0 && `acknowledged writes are lost: ${some(verdict.lost)}`,
    verdict.duplicated.length > 0 && `writes are there twice: ${some(verdict.duplicated)}`,
    verdict.resurrected.length > 0 && `refused writes are there: ${some(verdict.resurrected)}`,
    verdict.invented.length > 0 && `rows that nobody wrote: ${some(verdict.invented)}`,
    verdict.overlaps.length > 0 && `two servers acknowledged at once: ${some(verdict.overlaps.map(describe))}`,
    verdict.backwards.length > 0 && `an older timeline acknowledged later: ${some(verdict.backwards.map(describe))}`,
  ].filter((problem) => problem !== false);
  if (broken.length > 0) throw new Error(broken.join("\n"));
}

function some(items: readonly string[]): string {
  const shown = items.slice(0, 5).join(", ");
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown;
}

function describe({ first, second }: Overlap): string {
  const tell = ({ id, server, sentAt, endedAt }: Write): string =>
    `${id} by ${server?.instance} on timeline ${server?.timeline} (${sentAt.toFixed(0)} to ${endedAt.toFixed(0)} ms)`;
  return `${tell(first)} | ${tell(second)}`;
}

function findDuplicates(ids: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const id of ids) (seen.has(id) ? twice : seen).add(id);
  return [...twice];
}

/**
 * The commit lies somewhere between `sentAt` and `endedAt`. Server A is proved to have acknowledged from its first
 * write's end to its last write's start at the least, so B was open at once with A when some write of B lies between
 * two of A's: ended after A's first end, and was sent before A's last start, wholly inside.
 */
function compareServers(acknowledged: History): Pick<Verdict, "overlaps" | "backwards"> {
  const spans = [...groupByServer(acknowledged).values()].map(toSpan);
  const overlaps: Overlap[] = [];
  const backwards: Overlap[] = [];
  for (const one of spans) {
    for (const other of spans) {
      if (one === other) continue;
      const inside = other.writes.find(
        ({ sentAt, endedAt }) => sentAt > one.first.endedAt && endedAt < one.last.sentAt,
      );
      if (inside) overlaps.push({ first: one.last, second: inside });
      const older = (other.first.server?.timeline ?? 0) < (one.first.server?.timeline ?? 0);
      if (older && other.last.sentAt > one.first.endedAt) backwards.push({ first: one.first, second: other.last });
    }
  }
  return { overlaps, backwards };
}

interface Span {
  readonly writes: History;
  /** the write that ended first */
  readonly first: Write;
  /** the write that was sent last */
  readonly last: Write;
}

function groupByServer(acknowledged: History): ReadonlyMap<string, readonly [Write, ...Write[]]> {
  const groups = new Map<string, [Write, ...Write[]]>();
  for (const write of acknowledged) {
    if (write.server === undefined) continue;
    const key = `${write.server.instance} ${write.server.timeline}`;
    const group = groups.get(key);
    if (group) group.push(write);
    else groups.set(key, [write]);
  }
  return groups;
}

function toSpan(writes: readonly [Write, ...Write[]]): Span {
  return {
    writes,
    first: writes.reduce((best, write) => (write.endedAt < best.endedAt ? write : best)),
    last: writes.reduce((best, write) => (write.sentAt > best.sentAt ? write : best)),
  };
}

/** From the first sent write to the end of the last one, whatever became of them. */
function longestGap(history: History): Gap | undefined {
  if (history.length === 0) return undefined;
  const start = history.reduce((least, write) => Math.min(least, write.sentAt), Infinity);
  const end = history.reduce((most, write) => Math.max(most, write.endedAt), -Infinity);
  const moments = history.filter((write) => write.outcome === "acknowledged").map((write) => write.endedAt);
  const edges = [start, ...moments.sort((a, b) => a - b), end];
  const gaps = edges.slice(1).map((to, index) => ({ from: edges[index] ?? to, to, ms: to - (edges[index] ?? to) }));
  return gaps.reduce((longest, gap) => (gap.ms > longest.ms ? gap : longest));
}
