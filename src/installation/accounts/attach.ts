/**
 * Gives an application its own database and user, and takes the user away again. A record in the store says how far it
 * came, and is written first, so that what was interrupted is completed by the next attach, or undone by detach. No
 * password is kept: one that did not reach its application is replaced.
 */
import type { Attached, AttachRequest, HandedOverRequest } from "../../contract/accounts.ts";
import type { AttachmentStatus } from "../../contract/attachment.ts";
import { shellWord } from "../../contract/shell-word.ts";
import type { Asked } from "../../contract/asked.ts";
import { plainName, type Attachment } from "../../domain/attachment.ts";
import { appNameProblem, databaseNameProblem, userNameProblem } from "../../domain/names.ts";
import type { Admin } from "../../drivers/postgres/accounts/admin.ts";
import { isKept, prepareDatabase, roleStatements } from "../../drivers/postgres/accounts/databases.ts";
import {
  createLoginStatement,
  dropLogin,
  refuseInGrace,
  rotateLogin,
  type Rotated,
  type Rotation,
} from "../../drivers/postgres/accounts/logins.ts";
import { isStrange, lookAround, secondLogin, type Accounts } from "../../drivers/postgres/accounts/look.ts";
import { generatePassword, scramVerifier } from "../../drivers/postgres/provision/scram.ts";
import { OpError } from "../../errors/op-error.ts";
import { connectionTo } from "../connection.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { attachmentStatus } from "../status.ts";
import { changeOnPrimary, readAttachments, writeAttachment } from "./primary.ts";
import { refuseBadName } from "./refusals.ts";

const defaultVariable = "DATABASE_URL";

type Wish = AttachRequest & { readonly rotate: boolean; readonly use_existing: boolean; readonly grace_ms: number };

export async function attach(parts: Parts, name: string, wish: Wish, { by }: Asked): Promise<Attached> {
  refuseBadName(appNameProblem(wish.app), wish.app);
  return changeOnPrimary(parts, name, async (admin) => {
    const accounts = await lookAround(admin);
    const before = (await readAttachments(parts, name)).find(({ app }) => app === wish.app);
    refuseUnpooled(parts, name, wish.pooled ?? before?.isPooled ?? false);
    if (before === undefined) await refuseMissing(parts, name, wish);
    else refuseUnlike(name, before, wish);
    const attachment = before ?? planned(wish, accounts, { by, createdAt: parts.clock.wallNow() });
    if (before === undefined) await writeAttachment(parts, name, wish.app, attachment);
    const isNew = attachment.phase !== "attached";
    const { isPooled: wasPooled = false, ...same } = attachment;
    const isPooled = wish.pooled ?? wasPooled;
    const variable = wish.variable ?? attachment.variable;
    const made: Attachment = { ...same, phase: "made", variable, ...(isPooled ? { isPooled } : {}) };
    if (!isNew) {
      if (wish.grace_ms > 0) refuseInGrace(accounts, attachment.user);
      // Before the server has it: whoever is interrupted in between has a password that reached nobody.
      await writeAttachment(parts, name, wish.app, made);
    }
    const password = generatePassword();
    const rotated = await give(admin, attachment, {
      verifier: scramVerifier(password),
      graceMs: wish.rotate ? wish.grace_ms : 0,
      completes: isNew && (!wish.rotate || wish.grace_ms > 0),
    });
    if (isNew) await writeAttachment(parts, name, wish.app, made);
    const { app, user, database } = made;
    parts.events.emit(
      isNew ? "attachment.made" : "attachment.rotated",
      { cluster: name, actor: by },
      { app, user, database },
    );
    const query = { role: isPooled ? "pooled" : "primary", user: rotated.login, database, password } as const;
    return {
      attachment: attachmentStatus(made),
      connection: connectionTo(parts, clusterOf(parts, name).record.spec.value, query),
      previous_until: rotated.previousUntil,
    };
  });
}

/** The URI has reached the application: the next attach makes no other one. */
export async function handedOver(
  parts: Parts,
  name: string,
  app: string,
  { env_file: envFile }: HandedOverRequest,
): Promise<AttachmentStatus> {
  return changeOnPrimary(parts, name, async () => {
    const attachment = await attachmentOf(parts, name, app);
    if (attachment.phase !== "made" && attachment.phase !== "attached") throw unfinished(name, attachment);
    const attached: Attachment = { ...attachment, phase: "attached", envFile };
    await writeAttachment(parts, name, app, attached);
    return attachmentStatus(attached);
  });
}

/** The user goes, with its sessions; database and data stay. */
export async function detach(parts: Parts, name: string, app: string, { by }: Asked): Promise<AttachmentStatus> {
  return changeOnPrimary(parts, name, async (admin) => {
    const attachment = await attachmentOf(parts, name, app);
    const { user, database } = attachment;
    await writeAttachment(parts, name, app, { ...attachment, phase: "detaching" });
    await dropLogin(admin, user);
    await writeAttachment(parts, name, app, null);
    parts.events.emit("attachment.removed", { cluster: name, actor: by }, { app, user, database });
    return attachmentStatus(attachment);
  });
}

/** Database, user, rights and password; what is there already is left, except the password. */
async function give(
  admin: Admin,
  { user, database, role }: Attachment,
  password: Omit<Rotation, "user">,
): Promise<Rotated> {
  const isSuperuser = role === "superuser";
  const before = await lookAround(admin);
  const isNew = !before.roles.has(user);
  if (isNew) await admin.run([createLoginStatement({ user, verifier: password.verifier, isSuperuser })]);
  // After the user: what a superuser makes is to be seen by the others, too.
  await prepareDatabase(admin, database, role === "owner");
  const accounts = await lookAround(admin);
  const second = secondLogin(accounts, user);
  const logins = second ? [user, second.name] : [user];
  if (role !== "superuser") await admin.runTogether(roleStatements(user, logins, database, role));
  return isNew ? { login: user, previousUntil: null } : rotateLogin(admin, accounts, { user, ...password });
}

function planned(
  wish: Wish,
  accounts: Accounts,
  made: { readonly by: string; readonly createdAt: number },
): Attachment {
  const { app, role = "owner", variable = defaultVariable } = wish;
  const isThere = (database: string): boolean => accounts.databases.has(database);
  const database =
    wish.database !== undefined && isThere(wish.database) ? wish.database : plainName(wish.database ?? app);
  const user = plainName(wish.user ?? app);
  refuseBadName(databaseNameProblem(database), database, "Choose another one with --database.");
  refuseBadName(userNameProblem(user), user, "Choose another one with --user.");
  if (isKept(database) && (role === "owner" || !isThere(database)))
    throw new OpError("bad-name", {
      message: `database "${database}" cannot belong to an application`,
      detail: "The agents themselves work in it.",
      hint: "Choose another one with --database, or another --role.",
    });
  for (const group of ["owner", "writer", "reader"] as const)
    if (isStrange(accounts, database, group)) refuseStrange(database);
  if (accounts.roles.has(user))
    throw new OpError("user-exists", {
      message: `user "${user}" exists already`,
      detail: "An application gets a user of its own.",
      hint: "Choose another name for it with --user.",
    });
  if (isThere(database) && !wish.use_existing)
    throw new OpError("database-exists", {
      message: `database "${database}" exists already`,
      detail: existingDetail(database, role),
      hint: "Give --yes to use it, or choose another one with --database.",
    });
  return { app, database, user, role, variable, phase: "making", envFile: null, ...made };
}

function existingDetail(database: string, role: Attachment["role"]): string {
  const given = `The application would be let into it as its ${role}.`;
  return role === "owner"
    ? `${given} What superusers and the owner of "${database}" made in it would belong to its owners together.`
    : given;
}

function refuseStrange(database: string): never {
  throw new OpError("user-exists", {
    message: `the roles that database "${database}" needs have names that are taken`,
    detail: `It needs ${database}_owner, ${database}_writer and ${database}_reader.`,
    hint: "Choose another database with --database.",
  });
}

/** Before anything is made: the URI is to lead somewhere. @throws OpError pool-off */
function refuseUnpooled(parts: Parts, name: string, isPooled: boolean): void {
  if (isPooled) connectionTo(parts, clusterOf(parts, name).record.spec.value, { role: "pooled" });
}

async function refuseMissing(parts: Parts, name: string, { app, rotate }: Wish): Promise<void> {
  if (rotate) throw notAttached(name, app, await readAttachments(parts, name));
}

/** An attach that was begun is completed as it was begun. */
function refuseUnlike(name: string, before: Attachment, wish: Wish): void {
  if (before.phase === "detaching") throw unfinished(name, before);
  if (before.phase === "attached" && !wish.rotate)
    throw new OpError("attachment-exists", {
      message: `"${before.app}" is attached to cluster "${name}" already`,
      detail: `It uses database "${before.database}" as user "${before.user}".`,
      hint: `A new password: --rotate. To begin anew: matriarch detach ${name} --app ${shellWord(before.app)}`,
    });
  const asked = { database: wish.database, user: wish.user, role: wish.role };
  const unlike = (["database", "user", "role"] as const).filter(
    (field) =>
      asked[field] !== undefined && asked[field] !== before[field] && plainName(asked[field]) !== before[field],
  );
  if (unlike.length === 0) return;
  throw new OpError("attachment-exists", {
    message: `"${before.app}" was attached with another ${unlike.join(" and ")}`,
    detail: `Database "${before.database}", user "${before.user}", role ${before.role}.`,
    hint: `Leave ${unlike.map((field) => `--${field}`).join(" and ")} out to go on with that, or detach it first.`,
  });
}

function unfinished(name: string, { app, phase }: Attachment): OpError {
  return new OpError("busy", {
    message: phase === "detaching" ? `"${app}" is only half detached` : `"${app}" is only half attached`,
    hint: `Complete it with: matriarch ${phase === "detaching" ? "detach" : "attach"} ${name} --app ${shellWord(app)}`,
  });
}

async function attachmentOf(parts: Parts, name: string, app: string): Promise<Attachment> {
  const all = await readAttachments(parts, name);
  const found = all.find((attachment) => attachment.app === app);
  if (found) return found;
  throw notAttached(name, app, all);
}

function notAttached(name: string, app: string, all: readonly Attachment[]): OpError {
  const names = all.map((attachment) => `"${attachment.app}"`).join(", ");
  return new OpError("attachment-not-found", {
    message: `"${app}" is not attached to cluster "${name}"`,
    detail: all.length === 0 ? "No application is." : `Attached are: ${names}.`,
  });
}
