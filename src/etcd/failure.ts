/**
 * What an answer of etcd, or the lack of one, means for whoever asked. Called by the client and by what is built on it.
 * The words are etcd's own (api/v3rpc/rpctypes/error.go, 3.4 to 3.6); what is not known here counts as "may have
 * happened".
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { OpError } from "../errors/op-error.ts";

export type FailureKind =
  /** the request did not leave this process */
  | "not-sent"
  /** no leader known, a learner, overloaded: the server said so before it did anything */
  | "not-now"
  /** the token has run out, or users were changed since */
  | "stale-token"
  /** certificate, user or password; or the user may not do this */
  | "refused"
  /** the quota is reached */
  | "full"
  /** the request itself is wrong: too large, too many parts */
  | "unsound"
  /** not the etcd that it was */
  | "replaced"
  /** anything else: no answer in time, connection lost, server stopped, leader lost on the way */
  | "unknown";

/** The request was not put on a connection. */
export class NotSent extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "NotSent";
  }
}

const words: readonly (readonly [RegExp, FailureKind])[] = [
  [/invalid auth token|revision (in header|of auth store) is old/, "stale-token"],
  [/permission denied|authentication failed|user name is empty|role is not granted/, "refused"],
  [/authentication is not enabled/, "refused"],
  [/database space exceeded/, "full"],
  [/etcdserver: no leader|not capable|not supported for learner|too many requests/, "not-now"],
  [/in sync with leader|too many learner|unhealthy cluster|not enough started members/, "not-now"],
  [/member not found|Peer URLs already exists|can only promote a learner/, "not-now"],
  [/request is too large|too many operations|duplicate key|key is not provided/, "unsound"],
];

export function failureKind(error: unknown): FailureKind {
  if (error instanceof OpError) return kindOfCode(error);
  if (isRefusedByTls(error)) return "refused";
  if (error instanceof NotSent) return "not-sent";
  if (!(error instanceof ConnectError)) return "unknown";
  return words.find(([pattern]) => pattern.test(error.rawMessage))?.[1] ?? "unknown";
}

/** Nothing has happened, for certain. */
export function isRejection(kind: FailureKind): boolean {
  return kind !== "unknown";
}

function kindOfCode(error: OpError): FailureKind {
  if (error.code === "store-replaced") return "replaced";
  return error.code === "store-refused" ? "refused" : "unknown";
}

/** OpenSSL's and Node's words for certificates that one side does not take; seen only while a connection is opened. */
const tlsRefusal = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_.*(ALERT|CERTIFICATE|UNKNOWN_CA)/;

function isRefusedByTls(error: unknown): boolean {
  return chain(error).some((link) => "code" in link && typeof link.code === "string" && tlsRefusal.test(link.code));
}

/** One line for logs and for an error's detail; holds no secret: etcd's messages name no values. */
export function reasonOf(error: unknown): string {
  if (error instanceof ConnectError && error.code === Code.DeadlineExceeded) return "no answer in time";
  const last = chain(error).at(-1);
  if (last instanceof ConnectError) return last.rawMessage;
  return last === undefined ? String(error) : last.message || last.name;
}

function chain(error: unknown): readonly Error[] {
  const found: Error[] = [];
  for (let at = error; at instanceof Error && !found.includes(at); at = at.cause) found.push(at);
  return found;
}
