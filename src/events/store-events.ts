/** Events about the care of the installation's own etcd; its members' coming and going is in part-events.ts. See catalog.ts. */
import { define } from "./kind.ts";

export const storeEvents = {
  "store.member-silent": define<{ pid: number }>(
    "warning",
    "The etcd of this host answered nothing any more; it is ended and started again.",
    () => "etcd answered nothing and is started again",
  ),
  "store.member-failing": define<{ reason: string }>(
    "error",
    "The etcd of this host ends again and again. It is tried further; see its log in the home of that host.",
    (e) => `etcd cannot be started: ${e.reason}`,
  ),
  "store.member-rebuilt": define<{ kept_as: string | null }>(
    "warning",
    "The data of this host's etcd were damaged or gone and have been copied from the other hosts.",
    () => "etcd was copied anew from the other hosts",
  ),
  "store.quota-reached": define<{ used_bytes: number }>(
    "error",
    "The store took no more writes because its space was used up. It is compacted by itself.",
    (e) => `etcd has used up its space (${Math.round(e.used_bytes / 1_000_000)} MB)`,
  ),
  "store.quota-cleared": define<{ used_bytes: number }>(
    "info",
    "The store takes writes again after its space was used up.",
    () => "etcd has room again",
  ),
  "store.corrupt": define<{ store_member: string }>(
    "error",
    "The members of etcd hold different data. Take the one named out and let it join again: see docs/hosts.md.",
    (e) => `etcd member "${e.store_member}" holds other data than the others`,
  ),
} as const;
