/** Databases and users as tables, and a password with the only sight of it. */
import { formatMoment } from "../../contract/moment.ts";
import type { Credentials, DatabaseStatus, UserStatus } from "../../contract/accounts.ts";
import { shellWord } from "../../contract/shell-word.ts";
import { formatSize } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const databaseColumns: readonly Column<DatabaseStatus>[] = [
  { heading: "DATABASE", cell: ({ name }) => name },
  { heading: "SIZE", align: "right", cell: ({ size_bytes }) => formatSize(size_bytes) },
  { heading: "SESSIONS", align: "right", cell: ({ sessions }) => String(sessions) },
  { heading: "OWNERS", cell: (database) => usersOf(database, "owner") },
  { heading: "WRITERS", cell: (database) => usersOf(database, "writer") },
  { heading: "READERS", cell: (database) => usersOf(database, "reader") },
  { heading: "ATTACHED", cell: ({ attachments }) => listed(attachments) },
];

function usersOf({ users, owner }: DatabaseStatus, wanted: string): string {
  const named = users.filter(({ role }) => role === wanted).map(({ user }) => user);
  // A database that Matriarch did not make belongs to one role.
  return listed(wanted === "owner" && named.length === 0 ? [owner] : named);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "-" : names.join(", ");
}

export function renderDatabases(databases: readonly DatabaseStatus[], paint: Paint): string {
  return renderTable(databaseColumns, databases, paint);
}

const userColumns: readonly Column<UserStatus>[] = [
  { heading: "USER", cell: ({ name }) => name },
  {
    heading: "ROLES",
    cell: ({ superuser, databases }) =>
      superuser ? "superuser" : listed(databases.map(({ database, role }) => `${role} of ${database}`)),
  },
  { heading: "LOGS IN AS", cell: ({ logins }) => listed(logins.map(loginWords)) },
  { heading: "SESSIONS", align: "right", cell: ({ sessions }) => String(sessions) },
  { heading: "ATTACHED", cell: ({ attachments }) => listed(attachments) },
];

function loginWords({ name, valid_until: until }: UserStatus["logins"][number]): string {
  return until === null ? name : `${name} until ${formatMoment(Date.parse(until))}`;
}

export function renderUsers(users: readonly UserStatus[], paint: Paint): string {
  return renderTable(userColumns, users, paint);
}

/** @param user whose they are; it may log in under another name */
export function renderCredentials({ connection, previous_until }: Credentials, cluster: string, user: string): string {
  const again = `matriarch user rotate ${cluster}${user === "postgres" ? "" : ` ${shellWord(user)}`}`;
  const note = `The password is shown only now; "${again}" makes a new one.`;
  return [`  ${connection.uri}`, note, ...previousWords(previous_until)].join("\n");
}

/** What a drop does to those who are there. */
export function sessionsWords(count: number): readonly string[] {
  if (count === 0) return [];
  return [count === 1 ? "1 open session is ended." : `${count} open sessions are ended.`];
}

/** Postgres keeps one password for each name, so there are two names for a while. */
export function previousWords(until: string | null): readonly string[] {
  if (until === null) return [];
  return [
    `The password before stays good until ${formatMoment(Date.parse(until))}, under the name before. Sessions that are open then go on.`,
  ];
}
