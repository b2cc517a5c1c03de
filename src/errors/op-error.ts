/** An expected failure. Wording follows Postgres: message in lower case without a full stop, detail and hint as sentences. */
import { errorCatalog, type ErrorCode } from "./catalog.ts";
import type { ErrorKind } from "./kind.ts";

export interface OpErrorText {
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

export class OpError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, text: OpErrorText) {
    super(text.message, text.cause === undefined ? undefined : { cause: text.cause });
    this.name = "OpError";
    this.code = code;
    this.detail = text.detail;
    this.hint = text.hint;
  }

  get kind(): ErrorKind {
    return errorCatalog[this.code];
  }
}
