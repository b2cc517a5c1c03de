/**
 * What enabling, disabling or updating an extension would do, and why it is refused. Everything is found out before
 * anything is changed: the plan is shown to a person, made again when it is carried out, and carried out as it is.
 */
import type { ExtensionPlan, ExtensionWish } from "../../contract/extensions.ts";
import { shellWord } from "../../contract/shell-word.ts";
import { knownOf } from "../../drivers/postgres/extensions/known.ts";
import { preloadSettings } from "../../drivers/postgres/extensions/preload.ts";
import { isKept } from "../../drivers/postgres/accounts/databases.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { planDisable } from "./plan-disable.ts";
import { planEnable } from "./plan-enable.ts";
import { planUpdate } from "./plan-update.ts";
import { lookAtScene, type Scene } from "./scene.ts";

export async function planChange(parts: Parts, name: string, wish: ExtensionWish): Promise<ExtensionPlan> {
  const known = knownOf(wish.name);
  const settings = [...preloadSettings, ...Object.keys(known.settings ?? {}), known.onlyDatabase ?? []].flat();
  const scene = await lookAtScene(parts, name, { settings, packages: [wish.name] });
  if (known.isLibraryOnly) refuseDatabase(wish);
  const database = known.isLibraryOnly ? null : chooseDatabase(scene, wish);
  switch (wish.change) {
    case "enable":
      return planEnable(parts, scene, wish, database);
    case "disable":
      return planDisable(parts, scene, wish, database);
    case "update":
      return planUpdate(parts, scene, wish, database);
  }
}

function refuseDatabase({ name, database, version, schema }: ExtensionWish): void {
  const given = [
    ...(database === undefined ? [] : ["--database"]),
    ...(version === undefined ? [] : ["--version"]),
    ...(schema === undefined ? [] : ["--schema"]),
  ];
  if (given.length === 0) return;
  throw new OpError("bad-value", {
    message: `"${name}" is a library without an extension: it is loaded for all databases`,
    hint: `Leave ${given.join(" and ")} out.`,
  });
}

/** The only one that people made; "postgres" while they have made none. @throws OpError database-not-found, bad-value */
function chooseDatabase({ name, databases }: Scene, { database, name: extension, change }: ExtensionWish): string {
  const all = [...databases.keys()];
  if (database === undefined) {
    const made = all.filter((known) => !isKept(known));
    const [only, ...more] = made.length === 0 ? ["postgres"] : made;
    if (only !== undefined && more.length === 0) return only;
    throw new OpError("bad-value", {
      message: `cluster "${name}" has several databases`,
      detail: `There are: ${all.map((known) => `"${known}"`).join(", ")}.`,
      hint: `Say which: matriarch extension ${change} ${name} ${shellWord(extension)} --database ${shellWord(made[0] ?? "")}`,
    });
  }
  if (databases.has(database)) return database;
  throw new OpError("database-not-found", {
    message: `database "${database}" does not exist in cluster "${name}"`,
    detail: `There are: ${all.map((known) => `"${known}"`).join(", ")}.`,
    hint: `See: matriarch database list ${name}`,
  });
}
