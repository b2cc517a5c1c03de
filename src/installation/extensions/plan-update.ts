/** The plan of an extension's update to a version that the engine has. See plan.ts. */
import type { ExtensionPlan, ExtensionWish } from "../../contract/extensions.ts";
import { versionsOf } from "../../drivers/postgres/extensions/look.ts";
import { OpError } from "../../errors/op-error.ts";
import { lookOnPrimary } from "../accounts/primary.ts";
import type { Parts } from "../parts.ts";
import { refuseDifferent, refuseNotEnabled } from "./refusals.ts";
import { databasesWith, type Scene } from "./scene.ts";

export async function planUpdate(
  parts: Parts,
  scene: Scene,
  wish: ExtensionWish,
  database: string | null,
): Promise<ExtensionPlan> {
  const installed = scene.databases.get(database ?? "")?.find(({ name }) => name === wish.name);
  if (database === null)
    throw new OpError("bad-value", {
      message: `"${wish.name}" is a library without an extension, and has no version of its own`,
      hint: "It comes with the Postgres that loads it.",
    });
  if (!installed) return refuseNotEnabled(scene.name, wish.name, database, databasesWith(scene, wish.name));
  const version = wish.version ?? installed.available;
  if (version === null)
    throw new OpError("extension-missing", {
      message: `the primary's host has "${wish.name}" no more`,
      detail: `Database "${database}" has version ${installed.version} of it.`,
      hint: "Install its package on every host again.",
    });
  if (version !== installed.version)
    await refuseUnreachable(parts, scene, wish, { database, from: installed.version, version });
  return {
    change: "update",
    name: wish.name,
    database,
    version,
    version_before: installed.version,
    also: [],
    settings: {},
    restart: [],
    installs: [],
    drops: [],
    loses: [],
    is_done: version === installed.version,
    notes: [],
  };
}

/** Its functions must be on whichever host is primary. */
async function refuseUnreachable(
  parts: Parts,
  scene: Scene,
  { name }: ExtensionWish,
  step: { readonly database: string; readonly from: string; readonly version: string },
): Promise<void> {
  const there = scene.hosts.flatMap(({ host, contents }) =>
    (contents?.extensions ?? [])
      .filter((found) => found.name === name)
      .map((found) => ({ host, version: found.version })),
  );
  if (new Set(there.map(({ version }) => version)).size > 1) refuseDifferent(there);
  const versions = await lookOnPrimary(parts, scene.name, (admin) =>
    admin.inDatabase(step.database, (session) => versionsOf(session, name, step.from)),
  );
  if (versions.includes(step.version)) return;
  throw new OpError("bad-value", {
    message: `there is no way from version ${step.from} of "${name}" to "${step.version}"`,
    detail: versions.length === 0 ? "There is none to any other version." : `There is one to: ${versions.join(", ")}.`,
  });
}
