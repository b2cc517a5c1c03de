/** How far the standbys of one cluster are behind, as its loop sees them: fed by every look, asked for the endpoints. */
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import type { Server } from "../domain/server.ts";
import { followsHolder } from "./endpoints.ts";
import { Freshness, type ReadLag } from "./freshness.ts";
import type { RemoteMember } from "./neighbourhood.ts";

export class ReadLags {
  readonly #freshness = new Freshness();
  /** told when a standby has left the read endpoint for its lag, or is back */
  readonly #changed: (member: MemberId, lag: ReadLag) => void;

  constructor(changed: (member: MemberId, lag: ReadLag) => void) {
    this.#changed = changed;
  }

  of(member: MemberId): ReadLag | undefined {
    return this.#freshness.of(member);
  }

  forget(member: MemberId): void {
    this.#freshness.forget(member);
  }

  /** This host has looked at one of its members. */
  looked(cluster: ClusterRecord, id: MemberId, server: Server, now: number): void {
    const { holder } = cluster.reign.value;
    if (server.kind !== "running") return;
    if (id === holder && server.role === "primary") return this.#freshness.primaryAt(server.flushed, now);
    if (!followsHolder(cluster, server)) return;
    const wasBehind = this.#freshness.of(id)?.isBehind ?? false;
    const lag = this.#freshness.look(id, server, cluster.spec.value, now, server.upstream === holder);
    if (lag.isBehind !== wasBehind) this.#changed(id, lag);
  }

  /** Another host has said something of its members. */
  heard(cluster: ClusterRecord, remote: ReadonlyMap<MemberId, RemoteMember>): void {
    const primary = remote.get(cluster.reign.value.holder);
    if (primary?.server.kind === "running" && primary.server.role === "primary")
      this.#freshness.primaryAt(primary.server.flushed, primary.heardAt);
  }
}
