/** Expected failures of requests to the API, whatever they ask for. See catalog.ts. */
import type { ErrorKind } from "./kind.ts";

export const requestErrors = {
  "method-not-allowed": {
    httpStatus: 405,
    exitCode: 2,
    retry: "no",
    meaning: "The path exists, and cannot be used with this method.",
  },
  "generation-changed": {
    httpStatus: 412,
    exitCode: 3,
    retry: "after-change",
    meaning: "The cluster is of another generation than the request was made for: somebody has changed it meanwhile.",
  },
  "key-reused": {
    httpStatus: 422,
    exitCode: 3,
    retry: "no",
    meaning: "The Idempotency-Key was used before, for another request.",
  },
  "rate-limited": {
    httpStatus: 429,
    exitCode: 3,
    retry: "later",
    meaning: "So many requests came from this caller that it has to wait; Retry-After says how long.",
  },
} as const satisfies Readonly<Record<string, ErrorKind>>;
