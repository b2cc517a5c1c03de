/** Events about the care of the installation's own etcd; its members' coming and going is in part-events.ts. See catalog.ts. */
import { define } from "./kind.ts";

export const storeEvents = {
  "store.member-silent": define<{ host: string }>(
    "warning",
    "A host's etcd answered nothing any more; it is ended and started again.",
    (e) => `etcd of host "${e.host}" answered nothing and is started again`,
  ),
  "store.member-failing": define<{ host: string; reason: string }>(
    "error",
    "A host's etcd ends again and again. It is tried further; see its log in the home of that host.",
    (e) => `etcd of host "${e.host}" cannot be started: ${e.reason}`,
  ),
  "store.rebuilt": define<{ host: string }>(
    "warning",
    "The store was made anew of what one host had of it, because the others were lost for good.",
    (e) => `the store goes on with what host "${e.host}" had of it`,
  ),
  "store.member-rebuilt": define<{ host: string; kept_as: string | null }>(
    "warning",
    "The data of a host's etcd were damaged or gone and have been copied from the other hosts.",
    (e) => `etcd of host "${e.host}" was copied anew from the others`,
  ),
  "store.quota-reached": define<{ host: string; bytes: number }>(
    "error",
    "The store took no more writes because its space was used up. It is compacted by itself.",
    (e) => `etcd of host "${e.host}" has used up its space (${Math.round(e.bytes / 1_000_000)} MB)`,
  ),
  "store.quota-cleared": define<{ host: string; bytes: number }>(
    "info",
    "The store takes writes again after its space was used up.",
    (e) => `etcd of host "${e.host}" has room again`,
  ),
  "store.defragmented": define<{ host: string; before_bytes: number; after_bytes: number }>(
    "info",
    "Space that etcd no longer used was given back.",
    (e) => `etcd of host "${e.host}" gave back ${Math.round((e.before_bytes - e.after_bytes) / 1_000_000)} MB`,
  ),
  "store.corrupt": define<{ host: string; member: string }>(
    "error",
    "The members of etcd hold different data. Take the one named out and let it join again: see docs/hosts.md.",
    (e) => `etcd member "${e.member}" holds other data than the others`,
  ),
} as const;
