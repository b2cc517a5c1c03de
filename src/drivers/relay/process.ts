/**
 * The relay as a process: adopted or started, told what it has to know, replaced at once when it dies or is of another
 * version. Called by the agent through port.ts. Replication goes through it, so it never ends one unasked that works.
 */
import { OpError } from "../../errors/op-error.ts";
import type { RelayMember, RelayRequest, RelaySelf, RelayStatus, RelayUpstream } from "../../relay/wire.ts";
import { ControlLink, type WithoutId } from "../process/control-link.ts";
import { DrainedProcess } from "../process/drained-process.ts";
import type { Restart } from "../process/port.ts";
import type { Program } from "../process/program.ts";
import type { RelayDriver } from "./port.ts";

type RelayLink = ControlLink<WithoutId<RelayRequest>, RelayStatus>;

const relayName = { name: "relay", unreachable: "relay-unreachable" } as const;
/** @param self read again at each `configure`, so that it may change */
export function createRelayDriver(program: Program, self: () => RelaySelf): RelayDriver {
  return new ProcessRelay(program, self);
}

class ProcessRelay implements RelayDriver {
  readonly #self: () => RelaySelf;
  readonly #process: DrainedProcess<RelayLink>;
  #last: { readonly members: readonly RelayMember[]; readonly upstreams: readonly RelayUpstream[] } | undefined;

  constructor(program: Program, self: () => RelaySelf) {
    this.#self = self;
    this.#process = new DrainedProcess<RelayLink>({
      ...relayName,
      program,
      // Replication is lost with it: on a machine that is overloaded it is slow, not dead.
      patience: { everyMs: 1000, answerMs: 2000, missedMax: 5, endsStopped: true },
      openAt: openLink,
      brief: (link) => this.#configureAt(link),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  ensure(): Promise<"adopted" | "started" | "replaced"> {
    return this.#process.ensure();
  }

  async configure(members: readonly RelayMember[], upstreams: readonly RelayUpstream[]): Promise<void> {
    this.#last = { members, upstreams };
    await this.#process.tellPorts((link) => this.#configureAt(link));
    await this.#process.drainPredecessor();
  }

  async cut(host: string): Promise<void> {
    await this.#process.tellAll((link) => link.request({ kind: "cut", host }));
  }

  async status(): Promise<RelayStatus> {
    const status = await (await this.#process.current()).request({ kind: "status" });
    if (!status) throw new OpError("relay-unreachable", { message: "the relay does not say how it is" });
    return status;
  }

  onRestart(listener: (restart: Restart) => void): void {
    this.#process.onRestart(listener);
  }

  onFailure(listener: (error: unknown) => void): void {
    this.#process.onFailure(listener);
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  async #configureAt(link: RelayLink): Promise<void> {
    if (!this.#last) return;
    const sharePort = this.#process.hasPredecessor;
    await link.request({ kind: "configure", self: this.#self(), ...this.#last, sharePort });
  }
}

function openLink(path: string): Promise<RelayLink | undefined> {
  return ControlLink.open({ path, ...relayName });
}
