/**
 * Which of several hosts tells what all of them see, so that it is told once: the one in the best position at once, and
 * when nothing has come from it after a while, because it is gone, any other one. What is told by several all the same
 * is kept once on each host, by its name (events, `once`). With one host everything is told at once. Called by the
 * narrator's parts.
 */
import type { EventType } from "../../events/catalog.ts";
import type { OperationLog } from "../../events/operation-log.ts";
import type { EventContext, EventLog, FieldArguments } from "../../events/event-log.ts";
import type { Clock } from "../clock.ts";

export interface TellerParts {
  readonly events: EventLog;
  readonly operations: OperationLog;
  readonly clock: Pick<Clock, "wallNow">;
  /** name of this host; left out in an installation of one host */
  readonly host?: string;
  /** whether something has come from another host a moment ago */
  readonly isHeard?: (host: string) => boolean;
  /** how long the others leave it to the host in the best position */
  readonly patienceMs?: number;
}

export interface Occasion {
  /** the host in the best position to tell: it has done it itself, or certainly lives; undefined when there is none */
  readonly host: string | undefined;
  /** the same on every host that sees it, and of nothing else */
  readonly once: string;
  /**
   * Hosts may see several such changes as one, under another name: it is left to the host in the best position for as
   * long as that one is heard.
   */
  readonly isVague?: boolean;
}

/** Events are with the others a second after they were told; a host that is slow for longer is told for. */
const usualPatienceMs = 5000;

export class Teller {
  readonly #parts: TellerParts;

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  get events(): EventLog {
    return this.#parts.events;
  }

  get operations(): Pick<OperationLog, "list"> {
    return this.#parts.operations;
  }

  get isAlone(): boolean {
    return this.#parts.host === undefined;
  }

  tell<T extends EventType>(occasion: Occasion, type: T, about: EventContext, ...fields: FieldArguments<T>): void {
    const { events, host, clock, patienceMs = usualPatienceMs } = this.#parts;
    if (host === undefined) return void events.emit(type, about, ...fields);
    const told = { ...about, at: clock.wallNow(), once: occasion.once };
    if (occasion.host === host) return void events.emit(type, told, ...fields);
    setTimeout(() => {
      if (this.#isStillMissed(occasion)) events.emit(type, told, ...fields);
    }, patienceMs).unref();
    return undefined;
  }

  /** What every host finds out by itself at about the same time. */
  tellToo<T extends EventType>(once: string, type: T, about: EventContext, ...fields: FieldArguments<T>): void {
    this.#parts.events.emit(type, this.isAlone ? about : { ...about, once }, ...fields);
  }

  #isStillMissed({ host, isVague = false }: Occasion): boolean {
    return !isVague || host === undefined || this.#parts.isHeard?.(host) === false;
  }
}
