/**
 * A host's endpoint as far as sleep goes, as src/router and src/agent/sleeper.ts do it: it holds whoever comes while the
 * cluster dozes or sleeps, agrees to a doze when it has nobody, and has its agent wake the cluster for who waits. It
 * goes on with the last word that it was told when its agent is gone.
 */
import type { ClusterRecord } from "../../src/domain/cluster.ts";
import type { Host, World } from "./world.ts";

export class Endpoint {
  /** clients that it has let through and that have had no answer yet */
  sessions = 0;
  /** the doze that it has agreed to */
  agreed: number | undefined;
  #vetoed: number | undefined;
  /** a doze that is older than its agent: the agent before may have agreed */
  #inherited: number | undefined;
  #told: ClusterRecord | undefined;
  readonly #world: World;
  readonly #host: Host;

  constructor(world: World, host: Host) {
    this.#world = world;
    this.#host = host;
  }

  /** Its agent has started. */
  newAgent(): void {
    this.agreed = undefined;
    this.#inherited = undefined;
  }

  tell(record: ClusterRecord, isFirst: boolean): void {
    this.#told = record;
    const revision = record.sleep?.revision;
    if (isFirst) this.#inherited = revision;
    if (record.sleep?.value.phase !== "dozing" || revision === this.agreed) return;
    this.#host.agent.part.after(this.#world.random.between(1, 8), () => this.#count(revision));
  }

  /** Whether a client gets through; one that does not waits, and wakes. */
  admits(): boolean {
    const sleep = this.#told?.sleep;
    if (sleep === undefined || sleep.revision === this.#vetoed) return true;
    this.#host.agent.part.run(() => this.#object());
    return false;
  }

  begin(): () => void {
    if (this.#world.store.record.sleep?.value.phase === "asleep")
      this.#world.checker.broken("I11", `a client of ${this.#host.id} was let through to a cluster that is asleep`);
    this.sessions += 1;
    let ended = false;
    return () => {
      if (!ended) this.sessions -= 1;
      ended = true;
    };
  }

  #count(revision: number | undefined): void {
    if (revision === undefined || this.#told?.sleep?.revision !== revision || this.#vetoed === revision) return;
    if (this.sessions > 0 && !this.#world.wiring.switches.has("sleeps-beside-clients")) return this.#object();
    this.agreed = revision;
    this.#host.agent.sendReport();
    this.#host.agent.wake();
  }

  #object(): void {
    const sleep = this.#told?.sleep;
    if (sleep?.value.phase === "dozing" && sleep.revision !== this.agreed && sleep.revision !== this.#inherited)
      this.#vetoed = sleep.revision;
    if (!this.#world.wiring.switches.has("nobody-wakes-it")) this.#host.agent.wakeCluster();
  }
}
