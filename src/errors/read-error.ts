/** An answer that says what failed, from another process and so unchecked, as the error that it was there. */
import { errorCatalog, type ErrorCode } from "./catalog.ts";
import { OpError } from "./op-error.ts";

/** @param document `{"error": {"code", "message", "detail"?, "hint"?}}`; a newer agent may know codes that we do not */
export function readError(document: unknown, status: number): OpError {
  const error = fieldOf(document, "error");
  const [code, message] = [fieldOf(error, "code"), fieldOf(error, "message")];
  if (typeof code !== "string" || typeof message !== "string")
    return new OpError("internal", { message: `the agent answered with status ${status}` });
  const [detail, hint] = [fieldOf(error, "detail"), fieldOf(error, "hint")];
  return new OpError(isErrorCode(code) ? code : "internal", {
    message,
    ...(typeof detail === "string" ? { detail } : {}),
    ...(typeof hint === "string" ? { hint } : {}),
  });
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalog, code);
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
