/**
 * Why a request about databases and users is refused before anything is changed: names that cannot be, and things that
 * are not there. Called by the other files of this folder.
 */
import { isKept } from "../../drivers/postgres/accounts/databases.ts";
import { isOurs, type Accounts, type SeenDatabase, type SeenRole } from "../../drivers/postgres/accounts/look.ts";
import { groupsOf } from "../../drivers/postgres/accounts/names.ts";
import { OpError } from "../../errors/op-error.ts";

/** @param problem of domain/names.ts: a sentence, or undefined */
export function refuseBadName(problem: string | undefined, name: string, hint?: string): void {
  if (problem === undefined) return;
  throw new OpError("bad-name", {
    message: `"${printable(name)}" cannot be used as a name`,
    detail: problem,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** What a terminal would obey, or a person could not read to its end. */
function printable(name: string): string {
  const shown = name.toWellFormed().replaceAll(/\p{Cc}/gu, "?");
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
}

/** @throws OpError user-not-found, also for the roles that hold rights and nobody logs in as */
export function refuseNoUser({ roles }: Accounts, name: string, user: string): SeenRole {
  const found = roles.get(user);
  if (found && found.canLogIn && !isOurs(found)) return found;
  throw new OpError("user-not-found", {
    message: `user "${user}" does not exist in cluster "${name}"`,
    ...(found ? { detail: `There is a role of this name that is nobody's login. ${found.note}`.trim() } : {}),
    hint: `See: matriarch user list ${name}`,
  });
}

/** @throws OpError database-not-found */
export function refuseNoDatabase({ databases }: Accounts, name: string, database: string): SeenDatabase {
  const found = databases.get(database);
  if (found) return found;
  const names = [...databases.keys()].map((known) => `"${known}"`);
  throw new OpError("database-not-found", {
    message: `database "${database}" does not exist in cluster "${name}"`,
    detail: names.length <= 10 ? `There are: ${names.join(", ")}.` : `There are ${names.length} others.`,
    hint: `See: matriarch database list ${name}`,
  });
}

/** Whoever made something in a database of their own is not to lose it unawares. */
export function refuseTaking({ name, owner }: SeenDatabase, role: string): void {
  if (role !== "owner" || owner === groupsOf(name).owner) return;
  throw new OpError("not-confirmed", {
    message: `database "${name}" belongs to "${owner}"`,
    detail: `What superusers and "${owner}" made in it would belong to its owners together.`,
    hint: "Give --yes to do it, or another --role.",
  });
}

/** What it may do is not changed by what it is granted, and nobody is to believe so. */
export function refuseSuperuser({ name, isSuperuser }: SeenRole): void {
  if (!isSuperuser) return;
  throw new OpError("bad-value", {
    message: `user "${name}" is a superuser`,
    detail: "It may do everything in every database, whatever it is granted.",
    hint: "Make a user of its own for it: matriarch user create",
  });
}

/** Nobody but the superusers owns a database that the agents work in. */
export function refuseOwner(database: string, role: string): void {
  if (role !== "owner" || !isKept(database)) return;
  throw new OpError("bad-value", {
    message: `database "${database}" cannot have another owner`,
    detail: "The agents themselves work in it.",
    hint: "Make one of its own with: matriarch database create",
  });
}
