/**
 * Users that log in, and their passwords, which come here as verifiers. Called by installation/accounts under the lock.
 *
 * Postgres keeps one verifier for each role. So that an old and a new password are both good for a while, a second login
 * takes turns with the user's own: it is a member of the user and acts as the user from its first statement on. Which of
 * the two is the old one, Postgres itself knows: its password is valid until the grace period ends.
 */
import { OpError } from "../../../errors/op-error.ts";
import { identifier, literal } from "../session/quote.ts";
import type { Admin } from "./admin.ts";
import { lookAround, secondLogin, type Accounts } from "./look.ts";
import { groupsOf, secondLoginNote, secondLoginOf } from "./names.ts";

export interface NewLogin {
  readonly user: string;
  readonly verifier: string;
  readonly isSuperuser: boolean;
}

export function createLoginStatement({ user, verifier, isSuperuser }: NewLogin): string {
  return `CREATE ROLE ${identifier(user)} LOGIN${isSuperuser ? " SUPERUSER" : ""} PASSWORD ${literal(verifier)}`;
}

export interface Rotated {
  /** the name to log in with from now on */
  readonly login: string;
  /** until when the password before is good; null: no more */
  readonly previousUntil: string | null;
}

export interface Rotation {
  readonly user: string;
  readonly verifier: string;
  /** 0: the password before is refused at once, and the user logs in under its own name */
  readonly graceMs: number;
  /** the newest password has reached nobody: where one before it is still good, that stays so, and this one is replaced */
  readonly completes?: boolean;
}

/** @throws OpError busy while the grace period of the last rotation runs */
export async function rotateLogin(admin: Admin, accounts: Accounts, wish: Rotation): Promise<Rotated> {
  const { user, verifier, graceMs } = wish;
  const second = secondLogin(accounts, user);
  const { next, current } = turns(accounts, user);
  const previousUntil = wish.completes ? goodUntil(accounts, next) : undefined;
  if (previousUntil !== undefined) {
    await admin.run([good(current, verifier)]);
    return { login: current, previousUntil };
  }
  if (graceMs === 0) {
    await admin.runTogether([
      good(user, verifier),
      ...(second ? [`ALTER ROLE ${identifier(second.name)} PASSWORD NULL`] : []),
    ]);
    return { login: user, previousUntil: null };
  }
  refuseInGrace(accounts, user);
  const making = second ? [] : await secondLoginStatements(admin, accounts, user);
  // Literal milliseconds: the server's clock decides when it ends, as it does at log-in.
  const until = `(SELECT pg_catalog.now() + interval '${Math.round(graceMs)} milliseconds')`;
  const [row] = await admin.rows(`SELECT ${until}::text AS until`);
  const end = row?.["until"] ?? "";
  await admin.runTogether([
    ...making,
    good(next, verifier),
    `ALTER ROLE ${identifier(current)} VALID UNTIL ${literal(end)}`,
  ]);
  const seen = await lookAround(admin);
  return { login: next, previousUntil: seen.roles.get(current)?.validUntil ?? null };
}

function good(login: string, verifier: string): string {
  return `ALTER ROLE ${identifier(login)} PASSWORD ${literal(verifier)} VALID UNTIL 'infinity'`;
}

/** @returns which of the two is in use now, and whose turn is next */
function turns(accounts: Accounts, user: string): { readonly next: string; readonly current: string } {
  const second = secondLogin(accounts, user);
  const isSecondInUse = second?.hasPassword === true && second.validUntil === null;
  return isSecondInUse ? { next: user, current: second.name } : { next: secondLoginOf(user), current: user };
}

function goodUntil({ roles }: Accounts, login: string): string | undefined {
  const found = roles.get(login);
  return found?.hasPassword && !found.isExpired ? (found.validUntil ?? undefined) : undefined;
}

/** Its turn is over only when its old password is. @throws OpError busy */
export function refuseInGrace(accounts: Accounts, user: string): void {
  const end = goodUntil(accounts, turns(accounts, user).next);
  if (end === undefined) return;
  throw new OpError("busy", {
    message: `the password of "${user}" was rotated, and the one before is still good`,
    detail: `It is good until ${end}. Postgres keeps two at most.`,
    hint: "Wait until then, or end both now: rotate without --grace.",
  });
}

/** What is set for the user holds for its second login too: Postgres looks at the login's own settings alone. */
async function secondLoginStatements(admin: Admin, accounts: Accounts, user: string): Promise<readonly string[]> {
  const name = secondLoginOf(user);
  if (accounts.roles.has(name))
    throw new OpError("user-exists", {
      message: `role "${name}" is needed as the second login of "${user}", and there is another one of that name`,
      hint: "Rename it, or rotate without --grace.",
    });
  const settings = await admin.rows(settingsSql, [user]);
  return [
    `CREATE ROLE ${identifier(name)} LOGIN IN ROLE ${identifier(user)}`,
    `COMMENT ON ROLE ${identifier(name)} IS ${literal(secondLoginNote(user))}`,
    ...settings.flatMap((row) => copySetting(name, row["database"] ?? null, row["name"] ?? "", row["value"] ?? "")),
    `ALTER ROLE ${identifier(name)} SET role = ${literal(user)}`,
  ];
}

/** Put in force for the transaction and taken from there: lists of names need no quoting of ours. */
function copySetting(login: string, database: string | null, name: string, value: string): readonly string[] {
  const where = database === null ? "" : ` IN DATABASE ${identifier(database)}`;
  const alter = `ALTER ROLE ${identifier(login)}${where} SET ${identifier(name)}`;
  if (name === "role") return [`${alter} = ${literal(value)}`];
  return [`SELECT pg_catalog.set_config(${literal(name)}, ${literal(value)}, true)`, `${alter} FROM CURRENT`];
}

const settingsSql = `
SELECT d.datname AS database, pg_catalog.split_part(c.setting, '=', 1) AS name,
  pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1) AS value
FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, pg_catalog.unnest(s.setconfig) AS c (setting)
WHERE r.rolname = $1 ORDER BY 1, 2`;

/**
 * Ends the user's sessions, hands what it owns to each database's owner, and drops it with its second login. The data
 * stays.
 */
export async function dropLogin(admin: Admin, user: string): Promise<void> {
  const accounts = await lookAround(admin);
  const second = secondLogin(accounts, user);
  const logins = [...(second ? [second.name] : []), user].filter((name) => accounts.roles.has(name));
  if (logins.length === 0) return;
  await admin.runTogether(logins.map((login) => `ALTER ROLE ${identifier(login)} NOLOGIN`));
  await admin.rows(endSessionsSql, [user, second?.name ?? user]);
  await admin.runTogether(
    [...accounts.databases.values()]
      .filter(({ owner }) => logins.includes(owner))
      .map(({ name }) => `ALTER DATABASE ${identifier(name)} OWNER TO ${heir(accounts, name, logins)}`),
  );
  for (const { name } of accounts.databases.values()) {
    const to = heir(accounts, name, logins);
    await admin.inDatabase(name, (session) =>
      session.runTogether(
        logins.flatMap((login) => [
          `REASSIGN OWNED BY ${identifier(login)} TO ${to}`,
          `DROP OWNED BY ${identifier(login)}`,
        ]),
      ),
    );
  }
  await admin.runTogether(logins.map((login) => `DROP ROLE ${identifier(login)}`));
}

/** Whoever the database belongs to, else the user's own superuser. */
function heir({ roles, databases }: Accounts, database: string, leaving: readonly string[]): string {
  const { owner: group } = groupsOf(database);
  if (roles.has(group)) return identifier(group);
  const owner = databases.get(database)?.owner ?? "postgres";
  return identifier(leaving.includes(owner) || owner === "matriarch" ? "postgres" : owner);
}

/** Waits until they are gone, at most 5 s. pg_terminate_backend has had a time since version 14. */
const endSessionsSql = `
SELECT pg_catalog.pg_terminate_backend(pid, 5000)::text FROM pg_catalog.pg_stat_activity
WHERE usename IN ($1, $2) AND pid <> pg_catalog.pg_backend_pid()`;
