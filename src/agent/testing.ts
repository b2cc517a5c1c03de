/** A cluster's record for tests: three members a, b, c; a holds epoch 1. Called by tests only. */
import type { ClusterRecord, ClusterSpec, MemberRecord, Reign, Versioned } from "../domain/cluster.ts";
import { zeroLsn } from "../domain/lsn.ts";

export interface Shape {
  readonly epoch?: number;
  readonly holder?: string;
  readonly incarnations?: Readonly<Record<string, number>>;
  readonly votes?: ClusterRecord["votes"];
  readonly phase?: Reign["phase"];
  readonly wish?: ClusterSpec["wish"];
}

export function cluster({
  epoch = 1,
  holder = "a",
  incarnations = {},
  votes = {},
  phase = "open",
  wish = "running",
}: Shape): ClusterRecord {
  const ids = ["a", "b", "c"];
  const member = (id: string): MemberRecord => ({
    id,
    host: "h",
    region: "local",
    zone: "local",
    port: 100 + ids.indexOf(id),
    dataDirectory: `/${id}`,
    incarnation: incarnations[id] ?? 1,
    wish: "none",
    createdAt: 0,
  });
  return {
    revision: 1,
    spec: versioned({
      name: "t",
      generation: 1,
      major: 18,
      engine: "embedded",
      durability: "quorum",
      members: ids,
      primaryRegion: "local",
      lastMember: 3,
      wish,
      memoryBytes: 1,
      cpus: 1,
      ports: { primary: 1, read: 2 },
      settings: {},
      readLagBytesMax: 1000,
      failoverLagBytesMax: 1,
      systemIdentifier: "1",
      createdAt: 0,
    }),
    reign: versioned({ epoch, holder, incarnation: 1, timeline: 1, phase, how: "bootstrap", since: 0 }),
    rule: versioned({ epoch, rule: { voters: [], acks: 0 }, previous: [] }),
    timelines: versioned([{ id: 1, parent: null, forkedAt: zeroLsn, epoch: 1 }]),
    members: Object.fromEntries(ids.map((id) => [id, versioned(member(id))])),
    votes,
    intent: undefined,
    pause: undefined,
    sleep: undefined,
    attachments: {},
  };
}

export function versioned<T>(value: T): Versioned<T> {
  return { value, revision: 1 };
}
