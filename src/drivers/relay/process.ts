/**
 * The relay as a process: adopted or started, told what it has to know, replaced at once when it dies or is of another
 * version. Called by the agent through port.ts. Replication goes through it, so it never ends one unasked that works.
 */
import { OpError } from "../../errors/op-error.ts";
import type { RelayMember, RelayRequest, RelaySelf, RelayStatus, RelayUpstream } from "../../relay/wire.ts";
import { ControlLink, type WithoutId } from "../process/control-link.ts";
import { KeptProcess } from "../process/kept-process.ts";
import { findOlder } from "../process/older.ts";
import type { Program } from "../process/program.ts";
import type { RelayDriver, RelayRestart } from "./port.ts";

type RelayLink = ControlLink<WithoutId<RelayRequest>, RelayStatus>;

const relayName = { name: "relay", unreachable: "relay-unreachable" } as const;
/** Elsewhere the old relay has to leave its port before the new one can have it. */
const canSharePorts = process.platform === "linux" || process.platform === "freebsd";
/** Replication and sessions in a relay that has been replaced may go on for so long. */
const drainMs = 24 * 3600 * 1000;

/** @param self read again at each `configure`, so that it may change */
export function createRelayDriver(program: Program, self: () => RelaySelf): RelayDriver {
  return new ProcessRelay(program, self);
}

class ProcessRelay implements RelayDriver {
  readonly #program: Program;
  readonly #self: () => RelaySelf;
  readonly #process: KeptProcess<RelayLink>;
  /** relays that drain, and one that will when the new one is ready */
  readonly #older = new Set<RelayLink>();
  #predecessor: RelayLink | undefined;
  #last: { readonly members: readonly RelayMember[]; readonly upstreams: readonly RelayUpstream[] } | undefined;

  constructor(program: Program, self: () => RelaySelf) {
    this.#program = program;
    this.#self = self;
    this.#process = new KeptProcess<RelayLink>({
      ...relayName,
      program,
      // Replication is lost with it: on a machine that is overloaded it is slow, not dead.
      patience: { everyMs: 1000, answerMs: 2000, missedMax: 5, endsStopped: true },
      open: () => openLink(program.controlPath),
      takeOver: async (running) => {
        this.#predecessor = running;
        this.#older.add(running);
      },
      brief: (link) => this.#configureAt(link),
      askToEnd: (link) => link.request({ kind: "drain", withinMs: 0 }),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  async ensure(): Promise<"adopted" | "started" | "replaced"> {
    const isFirst = this.pid === undefined;
    const how = await this.#process.ensure();
    if (isFirst) await this.#findOlder();
    return how;
  }

  async configure(members: readonly RelayMember[], upstreams: readonly RelayUpstream[]): Promise<void> {
    this.#last = { members, upstreams };
    if (!canSharePorts) await this.#drainPredecessor();
    await this.#process.tell((link) => this.#configureAt(link));
    await this.#drainPredecessor();
  }

  async cut(host: string): Promise<void> {
    const older = [...this.#older].map((link) => link.request({ kind: "cut", host }).catch(() => undefined));
    await this.#process.tell((link) => link.request({ kind: "cut", host }));
    await Promise.all(older);
  }

  async status(): Promise<RelayStatus> {
    const status = await (await this.#process.current()).request({ kind: "status" });
    if (!status) throw new OpError("relay-unreachable", { message: "the relay does not say how it is" });
    return status;
  }

  onRestart(listener: (restart: RelayRestart) => void): void {
    this.#process.onRestart(listener);
  }

  async close(): Promise<void> {
    await this.#process.close();
    for (const older of this.#older) older.close();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#process.stop(), ...[...this.#older].map((link) => this.#process.end(link))]);
  }

  async #configureAt(link: RelayLink): Promise<void> {
    if (!this.#last) return;
    const sharePort = this.#predecessor !== undefined;
    await link.request({ kind: "configure", self: this.#self(), ...this.#last, sharePort });
  }

  async #drainPredecessor(): Promise<void> {
    const predecessor = this.#predecessor;
    if (!predecessor) return;
    this.#predecessor = undefined;
    predecessor.onClose(() => this.#older.delete(predecessor));
    await predecessor.request({ kind: "drain", withinMs: drainMs }).catch(() => undefined);
  }

  async #findOlder(): Promise<void> {
    const known = [this.pid, this.#predecessor?.pid];
    for (const link of await findOlder(this.#program.controlPath, known, openLink)) {
      this.#older.add(link);
      link.onClose(() => this.#older.delete(link));
    }
  }
}

function openLink(path: string): Promise<RelayLink | undefined> {
  return ControlLink.open({ path, ...relayName });
}
