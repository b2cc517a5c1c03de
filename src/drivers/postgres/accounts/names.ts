/**
 * Names that Matriarch gives to roles, and the comments by which it knows its own again. For a database "web": the roles
 * web_owner, web_writer and web_reader, which nobody logs in as and which hold all rights; for a user "ada": ada_rotated,
 * the login that takes turns with ada's own when passwords are rotated. Pure.
 */
import { createHash } from "node:crypto";
import type { DatabaseRole } from "../../../domain/attachment.ts";

export type Groups = Readonly<Record<DatabaseRole, string>>;

export function groupsOf(database: string): Groups {
  return {
    owner: derived(database, "owner"),
    writer: derived(database, "writer"),
    reader: derived(database, "reader"),
  };
}

export function secondLoginOf(user: string): string {
  return derived(user, "rotated");
}

/** Not a comment for people alone: a role of this name that does not say so is somebody else's. */
export function groupNote(database: string, role: DatabaseRole): string {
  return `Matriarch: ${role} of database "${database}"`;
}

/** What the owner's role says until everything of the database has its rights. */
export function unfinishedNote(database: string): string {
  return `${groupNote(database, "owner")}, unfinished`;
}

export function secondLoginNote(user: string): string {
  return `Matriarch: second login of "${user}"`;
}

/** Source: NAMEDATALEN - 1 in pg_config_manual.h; Postgres would cut longer names in silence. */
const bytesMax = 63;

/** Cut where it would be too long, and told apart by a part of its hash. */
function derived(name: string, suffix: string): string {
  const whole = `${name}_${suffix}`;
  if (Buffer.byteLength(whole) <= bytesMax) return whole;
  const end = `_${createHash("sha256").update(name).digest("hex").slice(0, 8)}_${suffix}`;
  let kept = "";
  for (const character of name) {
    if (Buffer.byteLength(kept + character + end) > bytesMax) break;
    kept += character;
  }
  return kept + end;
}
