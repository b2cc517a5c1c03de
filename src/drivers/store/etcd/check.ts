/**
 * Whether an etcd that a user names can be the store: each server answers, lets us in, and is of a version that we know.
 * Called by `host init` before anything is made. Writes nothing.
 */
import { Code, ConnectError } from "@connectrpc/connect";

import { OpError } from "../../../errors/op-error.ts";
import { EtcdSession } from "../../../etcd/session.ts";
import { reasonOf } from "../../../etcd/failure.ts";
import { credentialsOf, type EtcdStoreOptions } from "./store.ts";

const answerMs = 5000;
const known = /^3\.(4|5|6)\./;

/** @throws OpError store-unavailable, store-refused, not-supported */
export async function checkEtcd(options: Omit<EtcdStoreOptions, "prefix" | "log">): Promise<void> {
  const credentials = credentialsOf(options);
  for (const url of options.endpoints) {
    const version = await versionOf(url, credentials);
    if (version === undefined || known.test(version)) continue;
    throw new OpError("not-supported", {
      message: `the store at ${url} is etcd ${version}`,
      detail: "Matriarch works with etcd 3.4, 3.5 and 3.6.",
    });
  }
}

/** @returns undefined when it lets us in and does not tell: 3.5.30 and others of its age tell it to root alone */
async function versionOf(url: string, credentials: ReturnType<typeof credentialsOf>): Promise<string | undefined> {
  const signal = AbortSignal.timeout(answerMs);
  try {
    const session = await EtcdSession.open(url, credentials, signal);
    try {
      return (await session.maintenance.status({}, { signal })).version;
    } finally {
      session.end();
    }
  } catch (cause) {
    if (cause instanceof OpError) throw cause;
    if (cause instanceof ConnectError && cause.code === Code.PermissionDenied) return undefined;
    throw new OpError("store-unavailable", {
      message: `the store at ${url} cannot be used`,
      detail: signal.aborted ? `It gave no answer within ${answerMs / 1000} s.` : `${reasonOf(cause)}.`,
      hint: "Check the address, --store-ca, --store-cert and --store-key, and the user and password.",
      cause,
    });
  }
}
