/** Users of a cluster: listed, made, given other rights and passwords, dropped. */
import type { CreateUserRequest, Credentials, GrantRequest, UserStatus } from "../../contract/accounts.ts";
import { shellWord } from "../../contract/shell-word.ts";
import type { Asked } from "../../contract/asked.ts";
import type { Attachment } from "../../domain/attachment.ts";
import { userNameProblem } from "../../domain/names.ts";
import type { Admin } from "../../drivers/postgres/accounts/admin.ts";
import { prepareDatabase, roleStatements } from "../../drivers/postgres/accounts/databases.ts";
import { createLoginStatement, dropLogin, rotateLogin } from "../../drivers/postgres/accounts/logins.ts";
import {
  isOurs,
  lookAround,
  roleIn,
  secondLogin,
  type Accounts,
  type SeenRole,
} from "../../drivers/postgres/accounts/look.ts";
import { generatePassword, scramVerifier } from "../../drivers/postgres/provision/scram.ts";
import { OpError } from "../../errors/op-error.ts";
import { connectionTo } from "../connection.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { firstUser } from "../users.ts";
import { changeOnPrimary, lookOnPrimary, readAttachments } from "./primary.ts";
import {
  refuseBadName,
  refuseNoDatabase,
  refuseNoUser,
  refuseOwner,
  refuseSuperuser,
  refuseTaking,
} from "./refusals.ts";

export async function listUsers(parts: Parts, name: string): Promise<readonly UserStatus[]> {
  const accounts = await lookOnPrimary(parts, name, lookAround);
  const attachments = await readAttachments(parts, name);
  return [...accounts.roles.values()]
    .filter((role) => role.canLogIn && !isOurs(role))
    .map((role) => userStatus(accounts, attachments, role));
}

export async function createUser(
  parts: Parts,
  name: string,
  { name: user, database, role, password: given, take = false }: CreateUserRequest,
  { by }: Asked,
): Promise<Credentials> {
  refuseBadName(userNameProblem(user), user);
  if (role !== undefined && role !== "superuser" && database === undefined)
    throw new OpError("bad-value", { message: `a ${role} needs a database`, hint: "Name it with --database." });
  const password = given ?? generatePassword();
  const verifier = scramVerifier(password);
  return changeOnPrimary(parts, name, async (admin) => {
    const accounts = await lookAround(admin);
    if (accounts.roles.has(user))
      throw new OpError("user-exists", {
        message: `user "${user}" exists already in cluster "${name}"`,
        hint: "A new password: matriarch user rotate. Other rights: matriarch user grant.",
      });
    const isSuperuser = role === "superuser";
    const into = database === undefined ? undefined : refuseNoDatabase(accounts, name, database);
    if (into && !isSuperuser && !take) refuseTaking(into, role ?? "writer");
    if (database !== undefined && !isSuperuser) refuseOwner(database, role ?? "writer");
    await admin.run([createLoginStatement({ user, verifier, isSuperuser })]);
    if (database !== undefined && !isSuperuser) await giveRole(admin, user, { database, role: role ?? "writer" });
    parts.events.emit("user.created", { cluster: name, actor: by }, { user });
    const query = { role: "primary", user, password, ...(database === undefined ? {} : { database }) } as const;
    const connection = connectionTo(parts, clusterOf(parts, name).record.spec.value, query);
    return { connection, previous_until: null };
  });
}

export async function grantRole(
  parts: Parts,
  name: string,
  user: string,
  { database, role, take = false }: GrantRequest,
  { by }: Asked,
): Promise<UserStatus> {
  return changeOnPrimary(parts, name, async (admin) => {
    const accounts = await lookAround(admin);
    refuseSuperuser(refuseNoUser(accounts, name, user));
    const found = refuseNoDatabase(accounts, name, database);
    refuseOwner(database, role);
    if (!take) refuseTaking(found, role);
    await giveRole(admin, user, { database, role });
    parts.events.emit("user.role-changed", { cluster: name, actor: by }, { user, database, role });
    const now = await lookAround(admin);
    return userStatus(now, await readAttachments(parts, name), refuseNoUser(now, name, user));
  });
}

export async function removeUser(parts: Parts, name: string, user: string, { by }: Asked): Promise<void> {
  await changeOnPrimary(parts, name, async (admin) => {
    refuseNoUser(await lookAround(admin), name, user);
    if (user === firstUser)
      throw new OpError("bad-name", {
        message: `user "${user}" cannot be dropped`,
        detail: "Matriarch works with it.",
      });
    const attached = (await readAttachments(parts, name)).filter((attachment) => attachment.user === user);
    if (attached.length > 0)
      throw new OpError("object-in-use", {
        message: `user "${user}" is in use`,
        detail: `It is the user of the attached application "${attached[0]?.app}".`,
        hint: `Detach that: matriarch detach ${name} --app ${shellWord(attached[0]?.app ?? "")}`,
      });
    await dropLogin(admin, user);
    parts.events.emit("user.dropped", { cluster: name, actor: by }, { user });
  });
}

export async function rotatePassword(
  parts: Parts,
  name: string,
  user: string,
  graceMs: number,
  { by }: Asked,
): Promise<Credentials> {
  return changeOnPrimary(parts, name, async (admin) => {
    const accounts = await lookAround(admin);
    const found = refuseNoUser(accounts, name, user);
    const password = generatePassword();
    const rotated = await rotateLogin(admin, accounts, { user, verifier: scramVerifier(password), graceMs });
    parts.events.emit("user.rotated", { cluster: name, actor: by }, { user });
    const { databases } = userStatus(accounts, [], found);
    // Where it may do something, if that is one place.
    const [only, ...more] = databases.map(({ database }) => database);
    const where = only === undefined || more.length > 0 ? {} : { database: only };
    const query = { role: "primary", user: rotated.login, password, ...where } as const;
    const connection = connectionTo(parts, clusterOf(parts, name).record.spec.value, query);
    return { connection, previous_until: rotated.previousUntil };
  });
}

async function giveRole(admin: Admin, user: string, { database, role }: GrantRequest): Promise<void> {
  await prepareDatabase(admin, database, role === "owner");
  const second = secondLogin(await lookAround(admin), user);
  const logins = second ? [user, second.name] : [user];
  await admin.runTogether(roleStatements(user, logins, database, role === "none" ? undefined : role));
}

function userStatus(accounts: Accounts, attachments: readonly Attachment[], seen: SeenRole): UserStatus {
  const second = secondLogin(accounts, seen.name);
  const logins = [seen, ...(second ? [second] : [])];
  return {
    name: seen.name,
    superuser: seen.isSuperuser,
    databases: [...accounts.databases.keys()].flatMap((database) => {
      const role = roleIn(accounts, seen.name, database);
      return role === undefined ? [] : [{ database, role }];
    }),
    logins: logins
      .filter(({ hasPassword, isExpired }) => hasPassword && !isExpired)
      .map(({ name, validUntil }) => ({ name, valid_until: validUntil })),
    sessions: logins.reduce((sum, { sessions }) => sum + sessions, 0),
    attachments: attachments.filter(({ user }) => user === seen.name).map(({ app }) => app),
  };
}
