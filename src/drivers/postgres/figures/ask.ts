/**
 * Asks one server for its figures, over two sessions of its own that stay: a server that counts a new session now and then
 * would never fall asleep. Called by the collector of figures and by the checks. A server that does not answer in time
 * loses the session, and is asked again over a new one the next time.
 */
import { z } from "zod";
import { Session, type SessionTarget } from "../session/session.ts";
import { askConnections, type Connections } from "./connections.ts";
import { quickParts, slowParts, statementOf, type PartName } from "./parts.ts";

const valueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const figuresSchema = z.record(z.string(), z.array(z.record(z.string(), valueSchema)));

export type FigureRow = Readonly<Record<string, string | number | boolean | null>>;
export type ServerFigures = Readonly<Partial<Record<PartName, readonly FigureRow[]>>>;

export class FigureSource {
  readonly #target: SessionTarget;
  readonly #sessions: { quick?: Session; slow?: Session } = {};

  constructor(target: SessionTarget) {
    this.#target = target;
  }

  /** @throws OpError server-unresponsive, or as the server refuses */
  async quick(withinMs: number): Promise<ServerFigures> {
    const end = performance.now() + withinMs;
    const left = (): number => Math.max(1, end - performance.now());
    const session = await this.#open("quick", withinMs);
    const major = await majorOf(session, left());
    return ask(session, statementOf(quickParts(major)), { name: `matriarch_figures_${major}`, withinMs: left() });
  }

  /** Figures that are quick do not wait for these. @throws OpError server-unresponsive, or as the server refuses */
  async slow(withinMs: number): Promise<ServerFigures> {
    return ask(await this.#open("slow", withinMs), statementOf(slowParts), { withinMs });
  }

  /** @throws OpError server-unresponsive, or as the server refuses */
  async connections(withinMs: number): Promise<Connections> {
    return askConnections(await this.#open("quick", withinMs), withinMs);
  }

  close(): void {
    for (const session of Object.values(this.#sessions)) session.destroy();
  }

  async #open(which: "quick" | "slow", withinMs: number): Promise<Session> {
    const known = this.#sessions[which];
    if (known?.isOpen) return known;
    const opened = await Session.open(this.#target, { withinMs, applicationName });
    // Somebody else may have been quicker.
    const other = this.#sessions[which];
    if (other?.isOpen && other !== known) {
      void opened.close();
      return other;
    }
    this.#sessions[which] = opened;
    return opened;
  }
}

async function ask(
  session: Session,
  sql: string,
  options: { readonly withinMs: number; readonly name?: string },
): Promise<ServerFigures> {
  const [row] = await session.query(sql, [], options);
  return figuresSchema.parse(JSON.parse(row?.["figures"] ?? "{}"));
}

const applicationName = "matriarch figures";

async function majorOf(session: Session, withinMs: number): Promise<number> {
  const [row] = await session.query("SELECT pg_catalog.current_setting('server_version_num') AS n", [], { withinMs });
  return Math.floor(Number(row?.["n"]) / 10_000);
}
