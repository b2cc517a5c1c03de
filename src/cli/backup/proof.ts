/** The options that say how often a cluster is restored as a test, and which tables are counted for it. */
import { InvalidArgumentError } from "@commander-js/extra-typings";
import type { ProofPolicyRequest } from "../../contract/proof.ts";
import { parseDuration } from "../../contract/units.ts";

const dayMs = 86_400_000;
const daysMax = 90;
const words: Readonly<Record<string, number>> = { off: 0, daily: 1, weekly: 7 };

export interface ProofOptions {
  /** days; 0: off */
  readonly proof?: number | undefined;
  readonly proveTable?: readonly string[] | undefined;
  readonly forgetTable?: readonly string[] | undefined;
}

/** @returns days */
export function proofArgument(text: string): number {
  const days = words[text] ?? (parseDuration(text) ?? 0) / dayMs;
  const isFit = text in words || (Number.isInteger(days) && days >= 1 && days <= daysMax);
  if (!isFit) throw new InvalidArgumentError(`It is none of weekly, daily, off, and 1d to ${daysMax}d.`);
  return days;
}

const tableName = /^[^."\s]+\.[^."\s]+\.[^."\s]+$/;

/** May be given several times. */
export function tableArgument(text: string, before: readonly string[] = []): readonly string[] {
  if (!tableName.test(text))
    throw new InvalidArgumentError("Write it as DATABASE.SCHEMA.TABLE, such as postgres.public.orders.");
  return [...before, text];
}

/** undefined: nothing of it is to be changed */
export function proofRequest({ proof, proveTable, forgetTable }: ProofOptions): ProofPolicyRequest | undefined {
  if (proof === undefined && proveTable === undefined && forgetTable === undefined) return undefined;
  return {
    ...(proof === undefined ? {} : { every_days: proof }),
    ...(proveTable === undefined ? {} : { add_tables: [...proveTable] }),
    ...(forgetTable === undefined ? {} : { remove_tables: [...forgetTable] }),
  };
}
