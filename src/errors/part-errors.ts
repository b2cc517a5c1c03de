/** Expected failures of the processes beside the agent: router, relay, guard, pooler. See catalog.ts. */
import type { ErrorKind } from "./kind.ts";

export const partErrors = {
  "pooler-missing": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "A host has no PgBouncer, which the pooled endpoint needs.",
  },
  "pooler-unreachable": {
    httpStatus: 503,
    exitCode: 1,
    retry: "later",
    meaning: "The pooler does not answer, or cannot be started; the other endpoints do without it.",
  },
  "pool-off": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The cluster has no pooled endpoint.",
  },
  "router-unreachable": { httpStatus: 503, exitCode: 1, retry: "later", meaning: "The router does not answer." },
  "relay-unreachable": { httpStatus: 503, exitCode: 1, retry: "later", meaning: "The relay does not answer." },
  "guard-unreachable": { httpStatus: 503, exitCode: 1, retry: "later", meaning: "The guard does not answer." },
} as const satisfies Record<string, ErrorKind>;
