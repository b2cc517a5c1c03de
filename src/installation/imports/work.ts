/** What the steps of one import share. Made by begin.ts and cutover.ts. */
import type { z } from "zod";
import type { cutoverRequestSchema } from "../../contract/imports.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import type { SourceLook } from "../../drivers/postgres/import/look.ts";
import type { SourceServer, SourceSession } from "../../drivers/postgres/import/source.ts";
import type { Place } from "../../drivers/postgres/import/subscription.ts";
import type { OperationRecord } from "../../events/event.ts";
import type { Parts } from "../parts.ts";
import type { Prepared } from "./prepare.ts";

export type Ready = Prepared & {
  readonly source: NonNullable<Prepared["source"]>;
  readonly tools: NonNullable<Prepared["tools"]>;
};

/** What the steps of one import share. */
export interface Work {
  readonly parts: Parts;
  readonly ready: Ready;
  readonly operation: OperationRecord;
  /** 0700, of this import alone; gone at its end */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly step: (text: string, done?: number) => void;
}

export type Figures = Readonly<Record<string, unknown>>;

export type CutoverWish = z.output<typeof cutoverRequestSchema>;

export interface Cut {
  readonly parts: Parts;
  /** of the operation */
  readonly id: string;
  readonly cluster: string;
  readonly database: string;
  readonly mark: Mark;
  readonly server: SourceServer;
  readonly session: SourceSession;
  /** before the last step: what takes time is asked while the source may still be written */
  readonly source: SourceLook;
  readonly place: Place;
  readonly wish: CutoverWish;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly step: (text: string) => void;
}
