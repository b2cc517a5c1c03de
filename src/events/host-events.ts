/** Events about hosts: joined, drained, removed, and the tokens that let them in. See catalog.ts. */
import { define, list, seconds } from "./kind.ts";

export const hostEvents = {
  "host.joined": define<{ host: string; address: string; zone: string; region: string }>(
    "info",
    "A host joined the installation: members can be placed on it.",
    (e) => `host "${e.host}" joined at ${e.address} (zone ${e.zone}, region ${e.region})`,
  ),
  "host.labelled": define<{ host: string; labels: readonly string[] }>(
    "info",
    "A host's labels were changed; `labels` are all that it has now.",
    (e) => `labels of host "${e.host}" are ${e.labels.length === 0 ? "none" : e.labels.join(", ")}`,
  ),
  "host.draining": define<{ host: string }>(
    "info",
    "A host gets no new members; its primaries' roles and its members are moved to other hosts.",
    (e) => `host "${e.host}" is being drained`,
  ),
  "host.drained": define<{ host: string; moved: readonly string[]; stayed: readonly string[] }>(
    "info",
    "What could be moved away from a host has been moved. `stayed`: standbys for which no other host has room.",
    (e) =>
      e.stayed.length === 0
        ? `host "${e.host}" is empty`
        : `host "${e.host}" has no primary any more; ${list(e.stayed)} stayed, because no other host has room`,
  ),
  "host.settings-changed": define<{ replace_after_ms: number | null }>(
    "info",
    "How long a host must be silent before its members are replaced on a spare host was changed; null: never.",
    (e) =>
      e.replace_after_ms === null
        ? "members of a silent host are not replaced any more"
        : `members of a host that is silent for ${seconds(e.replace_after_ms)} are replaced on a spare host`,
  ),
  "host.undrained": define<{ host: string }>(
    "info",
    "A host takes members again.",
    (e) => `host "${e.host}" takes members again`,
  ),
  "host.removed": define<{ host: string; lost: boolean }>(
    "warning",
    "A host was taken out of the installation; its certificate is refused from now on.",
    (e) => `host "${e.host}" was removed${e.lost ? ", as lost" : ""}`,
  ),
  "host.place-taken": define<{ host: string; runs_store: boolean; signs: boolean }>(
    "info",
    "A host took the place of one of the first that was removed: it holds the authority's key, and runs a member of etcd.",
    (e) =>
      `host "${e.host}" takes a free place among the first hosts: ${[e.signs ? "it holds the authority's key" : "", e.runs_store ? "it runs a member of etcd" : ""].filter((what) => what !== "").join(", ")}`,
  ),
  "host.place-free": define<{ host: string; reason: string }>(
    "warning",
    "A place among the first hosts is free, and this host cannot take it: until one does, fewer hosts keep the store.",
    (e) => `host "${e.host}" cannot take the free place among the first hosts: ${e.reason}`,
  ),
  "host.certificate-renewed": define<{ host: string; until: string }>(
    "info",
    "A host's certificate was renewed before its end.",
    (e) => `the certificate of host "${e.host}" is good until ${e.until}`,
  ),
  "host.certificate-ending": define<{ host: string; until: string; reason: string }>(
    "error",
    "A host's certificate could not be renewed. After its end the other hosts refuse it: see that it reaches a host that holds the CA's key.",
    (e) => `the certificate of host "${e.host}" ends ${e.until} and was not renewed: ${e.reason}`,
  ),
  "token.made": define<{ token: string; until: string; uses: number }>(
    "info",
    "A token for joining was made.",
    (e) => `token ${e.token} lets ${e.uses === 1 ? "one host" : `${e.uses} hosts`} join until ${e.until}`,
  ),
  "token.revoked": define<{ token: string }>(
    "info",
    "A token for joining was taken back.",
    (e) => `token ${e.token} lets nobody join any more`,
  ),
} as const;
