/**
 * Calls to an etcd of several servers, each with a deadline of its own. A question is put to a second server when the
 * first is slow, and again until the time is up. A change is put once: it goes to the next server only if it certainly
 * had no effect at the one before. Used by the store and by the care of etcd's members.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../errors/op-error.ts";
import type { Log } from "../log/log.ts";
import { EtcdEndpoint, type KeyRange } from "./endpoint.ts";
import { failureKind, isRejection, reasonOf } from "./failure.ts";
import { hedged } from "./hedge.ts";
import { type EtcdIdentity, IdentityCheck } from "./identity.ts";
import type { ResponseHeader } from "./protocol/kv_pb.ts";
import type { EtcdCredentials, EtcdSession } from "./session.ts";

export interface EtcdClientOptions {
  /** the nearest first; `https://10.0.0.1:7403` */
  readonly endpoints: readonly string[];
  readonly credentials: EtcdCredentials;
  /** what this client reads and writes */
  readonly range: KeyRange;
  /** from an earlier life of this process; an etcd that is not that one is refused */
  readonly known?: EtcdIdentity;
  readonly log: Log;
}

/** One question or change, put to one server. */
export type Ask<T> = (session: EtcdSession, options: { readonly signal: AbortSignal }) => Promise<T>;

/** Of a whole call, whatever it has to go through: longer than etcd needs to find a new leader. */
const callMs = 3000;
const tryMs = 1000;
const hedgeMs = 250;
/** a change that waits this long: is its server alive? */
const doubtMs = 300;
const pauseMs = 50;

export class EtcdClient {
  readonly identity: IdentityCheck;
  readonly #log: Log;
  readonly #context: ConstructorParameters<typeof EtcdEndpoint>[1];
  #endpoints: readonly EtcdEndpoint[];
  #closed = false;

  constructor({ endpoints, credentials, range, known, log }: EtcdClientOptions) {
    this.identity = new IdentityCheck(known);
    this.#log = log;
    this.#context = { credentials, identity: this.identity, range, log };
    this.#endpoints = endpoints.map((url) => new EtcdEndpoint(url, this.#context));
  }

  /** Servers joined or left. Calls under way at a server that left may fail. */
  setEndpoints(urls: readonly string[]): void {
    const known = new Map(this.#endpoints.map((endpoint) => [endpoint.url, endpoint]));
    this.#endpoints = urls.map((url) => known.get(url) ?? new EtcdEndpoint(url, this.#context));
    for (const [url, endpoint] of known) if (!urls.includes(url)) endpoint.close();
  }

  /** For what changes nothing. @throws OpError store-unavailable, store-refused, store-replaced */
  async read<T>(ask: Ask<T>, signal?: AbortSignal): Promise<T> {
    const call = this.#begin(signal);
    let failures: readonly Failure[] = [];
    while (!call.aborted) {
      const round = this.#inOrder().map((endpoint) => (stop: AbortSignal) => this.#question(endpoint, ask, stop));
      const outcome = await hedged(round, hedgeMs, call);
      if (outcome.ok) return outcome.value;
      failures = telling(failures, outcome.errors.map(asFailure));
      const final = finalOf(failures);
      if (final) throw final;
      await pause(call);
    }
    throw this.#unavailable(failures, signal);
  }

  /**
   * For what changes something, or may.
   * @throws OpError store-unavailable, store-refused, store-full, store-replaced: nothing changed;
   *   store-outcome-unknown: it may have
   */
  async write<T>(ask: Ask<T>, signal?: AbortSignal): Promise<T> {
    const call = this.#begin(signal);
    let failures: readonly Failure[] = [];
    while (!call.aborted) {
      const round: Failure[] = [];
      for (const endpoint of this.#inOrder()) {
        if (call.aborted) break;
        try {
          return await this.#change(endpoint, ask, call);
        } catch (error) {
          if (error instanceof OpError && error.code === "store-outcome-unknown") throw error;
          round.push({ url: endpoint.url, error });
        }
      }
      failures = telling(failures, round);
      const final = finalOf(failures);
      if (final) throw final;
      await pause(call);
    }
    throw this.#unavailable(failures, signal);
  }

  /** A connection for a stream, at the best server there is. @throws like `read` */
  async pick(signal: AbortSignal): Promise<{ readonly endpoint: EtcdEndpoint; readonly session: EtcdSession }> {
    const failures: Failure[] = [];
    for (const endpoint of this.#inOrder()) {
      try {
        return { endpoint, session: await endpoint.session(signal) };
      } catch (error) {
        endpoint.suspect(error);
        failures.push({ url: endpoint.url, error });
      }
    }
    throw finalOf(failures) ?? this.#unavailable(failures, signal);
  }

  /** Checks the header of a linearizable answer. @returns its revision */
  accept(session: EtcdSession, header: ResponseHeader | undefined, revisionBefore: number): number {
    return this.identity.accept(session.url, header, revisionBefore);
  }

  close(): void {
    this.#closed = true;
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  /** Those that are well first, in the order given. */
  #inOrder(): readonly EtcdEndpoint[] {
    return [...this.#endpoints].sort((a, b) => Number(a.trouble !== undefined) - Number(b.trouble !== undefined));
  }

  #begin(signal: AbortSignal | undefined): AbortSignal {
    if (this.#closed) throw new OpError("store-unavailable", { message: "the store is closed" });
    if (signal?.aborted === true) {
      throw new OpError("store-unavailable", { message: "the store was not asked: too late", cause: signal.reason });
    }
    const deadline = AbortSignal.timeout(callMs);
    return signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  }

  async #question<T>(endpoint: EtcdEndpoint, ask: Ask<T>, stop: AbortSignal): Promise<T> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(tryMs)]);
    const since = performance.now();
    let session: EtcdSession | undefined;
    try {
      session = await endpoint.session(signal);
      return await ask(session, { signal });
    } catch (error) {
      // Another one was quicker, or the caller went away: no fault of this one, unless it took its time.
      if (!stop.aborted || performance.now() - since >= hedgeMs) this.#learn(endpoint, session, error);
      throw new AtEndpoint(endpoint.url, error);
    }
  }

  async #change<T>(endpoint: EtcdEndpoint, ask: Ask<T>, call: AbortSignal): Promise<T> {
    let session: EtcdSession | undefined;
    const done = new AbortController();
    try {
      session = await endpoint.session(AbortSignal.any([call, AbortSignal.timeout(tryMs)]));
      void giveUpOnDead(endpoint, session, done.signal);
      return await ask(session, { signal: call });
    } catch (error) {
      this.#learn(endpoint, session, error);
      if (session === undefined || isRejection(failureKind(error))) throw error;
      throw new OpError("store-outcome-unknown", {
        message: "etcd did not say whether it has made the change",
        detail: `${endpoint.url}: ${reasonOf(error)}.`,
        hint: "The change may have been made: look before you repeat it, for example with matriarch status or matriarch host list.",
        cause: error,
      });
    } finally {
      done.abort();
    }
  }

  #learn(endpoint: EtcdEndpoint, session: EtcdSession | undefined, error: unknown): void {
    const kind = failureKind(error);
    if (kind === "stale-token" && session) endpoint.breakOff(session);
    else if (kind === "replaced")
      this.#log.error("etcd is not the store that it was", { endpoint: endpoint.url, error });
    else if (kind !== "unsound" && kind !== "full") endpoint.suspect(error);
  }

  #unavailable(failures: readonly Failure[], signal: AbortSignal | undefined): OpError {
    const refusal = failures.find(({ error }) => failureKind(error) === "refused");
    if (refusal) return wrap(refusal);
    return new OpError("store-unavailable", {
      message: "etcd cannot be reached, or has no leader; nothing was written",
      detail: failures.map(({ url, error }) => `${url}: ${reasonOf(error)}.`).join(" ") || "No answer in time.",
      hint: "A healthy primary goes on without it. See what runs with: matriarch host list",
      cause: signal?.aborted === true ? signal.reason : failures[0]?.error,
    });
  }
}

interface Failure {
  readonly url: string;
  readonly error: unknown;
}

class AtEndpoint extends Error {
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(url, { cause });
    this.url = url;
  }
}

function asFailure(error: unknown): Failure {
  return error instanceof AtEndpoint ? { url: error.url, error: error.cause } : { url: "", error };
}

/** What each server said last; a refusal says more than that it was too slow to refuse again before the deadline. */
function telling(before: readonly Failure[], now: readonly Failure[]): readonly Failure[] {
  const kept = before.filter(({ url, error }) => {
    const newer = now.find((failure) => failure.url === url);
    return !newer || (failureKind(error) === "refused" && failureKind(newer.error) !== "refused");
  });
  return [...kept, ...now.filter(({ url }) => !kept.some((failure) => failure.url === url))];
}

/** What trying again, or elsewhere, will not change: said by every server, or by one for all. */
function finalOf(failures: readonly Failure[]): OpError | undefined {
  const kinds = failures.map(({ error }) => failureKind(error));
  const first = failures[0];
  if (!first) return undefined;
  const full = failures[kinds.indexOf("full")] ?? failures[kinds.indexOf("unsound")];
  if (full) return wrap(full);
  const stubborn = kinds.every((kind) => kind === "refused" || kind === "replaced");
  return stubborn ? wrap(first) : undefined;
}

function wrap({ url, error }: Failure): OpError {
  if (error instanceof OpError) return error;
  const detail = `${url}: ${reasonOf(error)}.`;
  switch (failureKind(error)) {
    case "full":
      return new OpError("store-full", {
        message: "etcd has reached its quota and takes no writes",
        detail,
        hint: "Its own etcd is made smaller by the agent within a minute; a given one by its operator (compact, defragment, disarm the alarm).",
        cause: error,
      });
    case "unsound":
      return new OpError("internal", { message: "a transaction is larger than etcd takes", detail, cause: error });
    default:
      return new OpError("store-refused", {
        message: "etcd does not let us in, or is not trusted",
        detail,
        hint: "Check the CA, the certificate and the user of the store in host.json, and that the endpoint is the right one.",
        cause: error,
      });
  }
}

/** While a change waits: a server that answers nothing at all is given up, so that the change ends. */
async function giveUpOnDead(endpoint: EtcdEndpoint, session: EtcdSession, done: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await sleep(doubtMs, undefined, { signal: done });
      await endpoint.assertAlive(session);
    }
  } catch {
    // Done, or dead: then the change has failed with its connection.
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
}
