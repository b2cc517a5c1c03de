/** What the API may ask about backups, each delegated to where it is done. */
import type { Asked } from "../../contract/asked.ts";
import type { Backups, BackupsInstallation, PolicyRequest } from "../../contract/backups.ts";
import { amend, refuseWithoutStore, type Parts } from "../parts.ts";
import { connectRepository, keysOf } from "./connect.ts";
import { beginDisable } from "./disable.ts";
import { beginEnable, policyWith } from "./enable.ts";
import { lockBackup } from "./lock.ts";
import { showBackups } from "./look.ts";
import { disabled } from "./stanza.ts";
import { beginBackup } from "./take.ts";
import { beginVerify } from "./verify.ts";

export function createBackups(parts: Parts): BackupsInstallation {
  return {
    enable: (cluster, request, asked) => beginEnable(parts, cluster, request, asked),
    disable: (cluster, request, asked) => beginDisable(parts, cluster, request, asked),
    connect: (cluster, request, asked) => connectRepository(parts, cluster, request, asked),
    show: (cluster, { here }) => showBackups(parts, cluster, here),
    set: (cluster, request, asked) => setPolicy(parts, cluster, request, asked),
    take: (cluster, request, asked) => beginBackup(parts, cluster, request, asked),
    verify: (cluster, request, asked) => beginVerify(parts, cluster, request, asked),
    lock: (cluster, label, request, asked) => lockBackup(parts, cluster, { label, request }, asked),
    keys: (cluster) => keysOf(parts, cluster),
  };
}

async function setPolicy(parts: Parts, name: string, request: PolicyRequest, { by }: Asked): Promise<Backups> {
  refuseWithoutStore(parts);
  let keptDays = 0;
  await amend(parts, name, ({ spec: { value: now } }) => {
    if (!now.backups) throw disabled(name);
    const policy = policyWith(now.backups.policy, request);
    keptDays = policy.keptDays;
    const backups = { ...now.backups, policy };
    return { require: ["spec"], write: [{ key: "spec", value: { ...now, backups, generation: now.generation + 1 } }] };
  });
  parts.events.emit("backup.policy-changed", { cluster: name, actor: by }, { kept_days: keptDays });
  return await showBackups(parts, name);
}
