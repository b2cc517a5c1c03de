/** Errors as Postgres writes them: message, DETAIL, HINT. */
import type { ErrorBody } from "../../contract/error.ts";
import type { OpError } from "../../errors/op-error.ts";
import type { Paint } from "./paint.ts";

export function renderError(error: OpError, paint: Paint): string {
  const lines = [`${paint("bad", "ERROR:")}  ${error.message}`];
  if (error.detail !== undefined) lines.push(`DETAIL:  ${indent(error.detail)}`);
  if (error.hint !== undefined) lines.push(`HINT:  ${indent(error.hint)}`);
  return lines.join("\n");
}

export function errorDocument(error: OpError): ErrorBody {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.detail === undefined ? {} : { detail: error.detail }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    },
  };
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n    ");
}
