/** What a server's refusal means for whoever asked for a change of databases or users. Called by admin.ts alone. Pure. */
import { DatabaseError } from "pg";
import type { ErrorCode } from "../../../errors/catalog.ts";
import { OpError } from "../../../errors/op-error.ts";

/** By SQLSTATE. Source: Postgres manual, Appendix A. */
const codes: ReadonlyMap<string, ErrorCode> = new Map([
  ["42P04", "database-exists"],
  ["3D000", "database-not-found"],
  ["42710", "user-exists"],
  ["55006", "object-in-use"],
  ["55P03", "object-in-use"],
  ["2BP01", "object-in-use"],
  ["40P01", "object-in-use"],
  ["53100", "too-little-disk"],
  ["25006", "no-primary"],
  ["57P01", "interrupted"],
  ["57P02", "interrupted"],
  ["57P03", "no-primary"],
  ["42939", "bad-name"],
  ["42602", "bad-name"],
]);

export function asRefusal(error: unknown): unknown {
  if (error instanceof OpError && error.code === "server-unresponsive") return unknownOutcome(error);
  if (!(error instanceof DatabaseError)) return error;
  const code = codes.get(error.code ?? "") ?? "postgres-refused";
  if (code === "interrupted") return unknownOutcome(error);
  return new OpError(code, {
    message: `Postgres refused it: ${error.message}`,
    detail: [error.detail, `SQLSTATE ${error.code ?? "unknown"}.`].filter(Boolean).join("\n"),
    ...hintFor(error),
    cause: error,
  });
}

function hintFor({ code, hint }: DatabaseError): { readonly hint?: string } {
  if (code === "55P03" || code === "40P01")
    return { hint: "Somebody's transaction holds a lock on it. End that, and give the same command again." };
  if (code === "53100") return { hint: "The primary's disk is full. Free some room and give the same command again." };
  return hint === undefined ? {} : { hint };
}

function unknownOutcome(cause: Error): OpError {
  return new OpError("interrupted", {
    message: "the primary did not confirm the change",
    detail: "It was lost, or no standby acknowledges commits. The change may or may not have been made.",
    hint: "Give the same command again: it goes on from what is there.",
    cause,
  });
}
