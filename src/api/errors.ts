/** Turns whatever a route threw into the one documented shape. Called by server.ts and by streams. */
import type { ErrorBody } from "../contract/error.ts";
import { asFullDisk } from "../errors/full-disk.ts";
import { OpError } from "../errors/op-error.ts";

export interface Failure {
  readonly status: number;
  readonly body: ErrorBody;
  /** not expected: worth a line in the log, with its stack */
  readonly isDefect: boolean;
}

export function describeFailure(error: unknown): Failure {
  if (error instanceof OpError) return { status: error.kind.httpStatus, body: bodyOf(error), isDefect: false };
  if (isCutOff(error))
    return describeFailure(
      new OpError("usage", { message: "the request ended before its body was whole", cause: error }),
    );
  const full = asFullDisk(error);
  if (full) return describeFailure(full);
  const message = error instanceof Error ? error.message : String(error);
  const defect = new OpError("internal", {
    message: "the agent met an error that it did not expect",
    detail: message === "" ? "It has no message." : message,
    hint: "The agent's log has the details. Please report it.",
    cause: error,
  });
  return { status: defect.kind.httpStatus, body: bodyOf(defect), isDefect: true };
}

/** As node:http says that the client has gone in the middle of its body. */
function isCutOff(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNRESET" && error.message === "aborted";
}

function bodyOf(error: OpError): ErrorBody {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.detail === undefined ? {} : { detail: error.detail }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    },
  };
}
