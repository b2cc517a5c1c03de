/**
 * The figures of this host's servers, asked for at each scrape and never waited for long: a server that is slow has none
 * this time, and keeps back nobody's. What reads files is asked for in the background, once a minute at most. Made once
 * by the agent; nothing is asked unless somebody scrapes.
 */
import { FigureSource, type ServerFigures } from "../../drivers/postgres/figures/ask.ts";
import type { Connections } from "../../drivers/postgres/figures/connections.ts";
import type { SessionTarget } from "../../drivers/postgres/session/session.ts";

/** A scrape waits no longer for a server; its question goes on for as long as `answerMs`. */
const patienceMs = 400;
const answerMs = 3000;
const slowEveryMs = 60_000;
const slowAnswerMs = 30_000;

export interface Asked {
  readonly quick: ServerFigures | undefined;
  readonly slow: ServerFigures;
  readonly tookMs: number;
}

interface Source {
  readonly key: string;
  readonly figures: FigureSource;
  running: Promise<ServerFigures> | undefined;
  slow: ServerFigures;
  slowAt: number;
}

export class ServerSources {
  readonly #sources = new Map<string, Source>();

  async ask(member: string, target: SessionTarget): Promise<Asked> {
    const begun = performance.now();
    const source = this.#sourceOf(member, target);
    const slow = this.#askSlowly(source);
    source.running ??= source.figures.quick(answerMs).finally(() => {
      source.running = undefined;
    });
    const [quick] = await Promise.all([within(source.running), within(slow)]);
    return { quick, slow: source.slow, tookMs: performance.now() - begun };
  }

  /** @throws OpError server-unresponsive, or as the server refuses */
  connections(member: string, target: SessionTarget, withinMs: number): Promise<Connections> {
    return this.#sourceOf(member, target).figures.connections(withinMs);
  }

  /** Members that are gone have no session left. */
  keepOnly(members: ReadonlySet<string>): void {
    for (const [member, { figures }] of this.#sources) {
      if (members.has(member)) continue;
      figures.close();
      this.#sources.delete(member);
    }
  }

  #sourceOf(member: string, target: SessionTarget): Source {
    const key = `${target.socketDirectory}:${target.port}`;
    const known = this.#sources.get(member);
    if (known?.key === key) return known;
    known?.figures.close();
    const made: Source = { key, figures: new FigureSource(target), running: undefined, slow: {}, slowAt: -Infinity };
    this.#sources.set(member, made);
    return made;
  }

  /** Waited for only the first time, like all else; later the last answer is good enough. */
  #askSlowly(source: Source): Promise<unknown> {
    const isFirst = source.slowAt === -Infinity;
    if (performance.now() - source.slowAt < slowEveryMs) return Promise.resolve();
    source.slowAt = performance.now();
    const asked = source.figures.slow(slowAnswerMs).then(
      (figures) => {
        source.slow = figures;
      },
      () => {
        // Down or starting: tried again with the next scrape but few.
        source.slowAt = performance.now() - slowEveryMs + answerMs;
      },
    );
    return isFirst ? asked : Promise.resolve();
  }
}

/** Undefined when it fails, or takes too long. */
async function within<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, patienceMs, undefined);
  });
  try {
    return await Promise.race([work.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
