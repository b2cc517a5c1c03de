/** Databases of a cluster: listed, made, dropped. */
import type { CreateDatabaseRequest, DatabaseStatus } from "../../contract/accounts.ts";
import { shellWord } from "../../contract/shell-word.ts";
import type { Asked } from "../../contract/asked.ts";
import type { Attachment } from "../../domain/attachment.ts";
import { databaseNameProblem } from "../../domain/names.ts";
import { dropDatabase, isKept, prepareDatabase, roleStatements } from "../../drivers/postgres/accounts/databases.ts";
import {
  isFinished,
  isOurs,
  lookAround,
  roleIn,
  secondLogin,
  type Accounts,
  type SeenDatabase,
} from "../../drivers/postgres/accounts/look.ts";
import { groupsOf } from "../../drivers/postgres/accounts/names.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { changeOnPrimary, lookOnPrimary, readAttachments } from "./primary.ts";
import { refuseBadName, refuseNoDatabase, refuseNoUser } from "./refusals.ts";
import { pointBefore } from "../storage/restore/before-risk.ts";

export async function listDatabases(parts: Parts, name: string): Promise<readonly DatabaseStatus[]> {
  const accounts = await lookOnPrimary(parts, name, lookAround);
  const attachments = await readAttachments(parts, name);
  return [...accounts.databases.values()].map((database) => databaseStatus(accounts, attachments, database));
}

/** One that was half made is completed. @throws OpError database-exists */
export async function createDatabase(
  parts: Parts,
  name: string,
  { name: database, owner, ...shape }: CreateDatabaseRequest,
  { by }: Asked,
): Promise<DatabaseStatus> {
  refuseBadName(databaseNameProblem(database), database);
  return changeOnPrimary(parts, name, async (admin) => {
    const accounts = await lookAround(admin);
    if (owner !== undefined) refuseNoUser(accounts, name, owner);
    const found = accounts.databases.get(database);
    const isHalf = found?.owner === groupsOf(database).owner && !isFinished(accounts, database);
    if (isKept(database) || (found && !isHalf))
      throw new OpError("database-exists", {
        message: `database "${database}" exists already`,
        hint: `See: matriarch database list ${name}`,
      });
    await prepareDatabase(admin, database, true, shape);
    if (owner !== undefined) {
      const second = secondLogin(accounts, owner);
      const logins = second ? [owner, second.name] : [owner];
      await admin.runTogether(roleStatements(owner, logins, database, "owner"));
    }
    parts.events.emit("database.created", { cluster: name, actor: by }, { database });
    return statusIn(await lookAround(admin), await readAttachments(parts, name), name, database);
  });
}

export async function removeDatabase(parts: Parts, name: string, database: string, { by }: Asked): Promise<void> {
  await changeOnPrimary(parts, name, async (admin) => {
    const accounts = await lookAround(admin);
    if (isKept(database))
      throw new OpError("bad-name", {
        message: `database "${database}" cannot be dropped`,
        detail: "The agents themselves work in it, or new databases are copied from it.",
      });
    statusIn(accounts, [], name, database);
    const users = (await readAttachments(parts, name)).filter((attachment) => attachment.database === database);
    if (users.length > 0)
      throw new OpError("object-in-use", {
        message: `database "${database}" is in use`,
        detail: `Attached to it: ${users.map(({ app }) => `"${app}"`).join(", ")}.`,
        hint: `Detach first: matriarch detach ${name} --app ${shellWord(users[0]?.app ?? "")}`,
      });
    await pointBefore(parts, name, `drop-${database}`);
    await dropDatabase(admin, database);
    parts.events.emit("database.dropped", { cluster: name, actor: by }, { database });
  });
}

function statusIn(
  accounts: Accounts,
  attachments: readonly Attachment[],
  name: string,
  database: string,
): DatabaseStatus {
  return databaseStatus(accounts, attachments, refuseNoDatabase(accounts, name, database));
}

function databaseStatus(
  accounts: Accounts,
  attachments: readonly Attachment[],
  { name, owner, bytes, encoding, collation, sessions }: SeenDatabase,
): DatabaseStatus {
  return {
    name,
    owner,
    size_bytes: bytes,
    encoding,
    collation,
    sessions,
    users: [...accounts.roles.values()].flatMap((seen) => {
      const role = isOurs(seen) ? undefined : roleIn(accounts, seen.name, name);
      return role === undefined ? [] : [{ user: seen.name, role }];
    }),
    attachments: attachments.filter(({ database }) => database === name).map(({ app }) => app),
  };
}
