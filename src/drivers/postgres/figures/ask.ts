/**
 * Asks one server for its figures, over a session of its own that stays. Called by the collector of figures. A server that
 * does not answer in time loses the session, and is asked again over a new one the next time.
 */
import { z } from "zod";
import { Session, type SessionTarget } from "../session/session.ts";
import { quickParts, slowParts, statementOf, type PartName } from "./parts.ts";

const valueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const figuresSchema = z.record(z.string(), z.array(z.record(z.string(), valueSchema)));

export type FigureRow = Readonly<Record<string, string | number | boolean | null>>;
export type ServerFigures = Readonly<Partial<Record<PartName, readonly FigureRow[]>>>;

export class FigureSource {
  readonly #target: SessionTarget;
  #session: Session | undefined;
  #major: number | undefined;

  constructor(target: SessionTarget) {
    this.#target = target;
  }

  /** @throws OpError server-unresponsive, or as the server refuses */
  async quick(withinMs: number): Promise<ServerFigures> {
    const end = performance.now() + withinMs;
    const session = await this.#open(withinMs);
    const left = (): number => Math.max(1, end - performance.now());
    this.#major ??= await majorOf(session, left());
    return this.#ask(session, statementOf(quickParts(this.#major)), { name: "matriarch_figures", withinMs: left() });
  }

  /** @throws OpError server-unresponsive, or as the server refuses */
  async slow(withinMs: number): Promise<ServerFigures> {
    // Not over the lasting session: figures that are quick do not wait for those that are not.
    const session = await Session.open(this.#target, { withinMs, applicationName });
    try {
      return await this.#ask(session, statementOf(slowParts), { withinMs });
    } finally {
      void session.close();
    }
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  async #ask(
    session: Session,
    sql: string,
    options: { readonly withinMs: number; readonly name?: string },
  ): Promise<ServerFigures> {
    const [row] = await session.query(sql, [], options);
    return figuresSchema.parse(JSON.parse(row?.["figures"] ?? "{}"));
  }

  async #open(withinMs: number): Promise<Session> {
    if (this.#session?.isOpen) return this.#session;
    this.#major = undefined;
    this.#session = await Session.open(this.#target, { withinMs, applicationName });
    return this.#session;
  }
}

const applicationName = "matriarch figures";

async function majorOf(session: Session, withinMs: number): Promise<number> {
  const [row] = await session.query("SELECT pg_catalog.current_setting('server_version_num') AS n", [], { withinMs });
  return Math.floor(Number(row?.["n"]) / 10_000);
}
