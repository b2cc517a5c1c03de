/** Databases, users and attached applications of a cluster, as the API tells them and takes them. */
import { z } from "zod";

import { attachmentRoles, databaseRoles } from "../domain/attachment.ts";
import type { Asked } from "./asked.ts";
import { attachmentSchema, variablePattern, type AttachmentStatus } from "./attachment.ts";
import { connectionSchema } from "./cluster.ts";

/** An old password is good for a month at most. */
export const graceMsMax = 31 * 24 * 3_600_000;
const graceMs = z.int().min(0).max(graceMsMax);

export const attachRequestSchema = z.strictObject({
  app: z.string(),
  /** default: the application's name in lower case, with "_" for "-" */
  database: z.string().optional(),
  user: z.string().optional(),
  role: z.enum(attachmentRoles).optional(),
  variable: z.string().regex(variablePattern, "up to 63 letters, digits and underscores, no digit first").optional(),
  /** the URI leads to the pooled endpoint; left out: as before, at first to the primary */
  pooled: z.boolean().optional(),
  /** use a database that exists already */
  use_existing: z.boolean().default(false),
  /** the application is attached and gets a new password */
  rotate: z.boolean().default(false),
  /** with `rotate`: the password before is good for so long */
  grace_ms: graceMs.default(0),
});
export type AttachRequest = z.input<typeof attachRequestSchema>;

export const credentialsSchema = z.object({
  /** with the password, which is shown once */
  connection: connectionSchema,
  /** the password before is good until then; null: no more, or there was none */
  previous_until: z.string().nullable(),
});
export type Credentials = z.infer<typeof credentialsSchema>;

export const attachedSchema = credentialsSchema.extend({ attachment: attachmentSchema });
export type Attached = z.infer<typeof attachedSchema>;

export const handedOverRequestSchema = z.strictObject({
  env_file: z.strictObject({ machine: z.string(), path: z.string() }).nullable(),
});
export type HandedOverRequest = z.infer<typeof handedOverRequestSchema>;

export const databaseSchema = z.object({
  name: z.string(),
  owner: z.string(),
  size_bytes: z.number(),
  encoding: z.string(),
  collation: z.string(),
  /** of clients, now */
  sessions: z.int(),
  /** who may do what there; superusers may do everything everywhere and are not named */
  users: z.array(z.object({ user: z.string(), role: z.enum(databaseRoles) })),
  /** applications that use it */
  attachments: z.array(z.string()),
});
export type DatabaseStatus = z.infer<typeof databaseSchema>;

export const userSchema = z.object({
  name: z.string(),
  superuser: z.boolean(),
  databases: z.array(z.object({ database: z.string(), role: z.enum(databaseRoles) })),
  /** names to log in with: two while an old password is good after a rotation */
  logins: z.array(z.object({ name: z.string(), valid_until: z.string().nullable() })),
  sessions: z.int(),
  attachments: z.array(z.string()),
});
export type UserStatus = z.infer<typeof userSchema>;

export const createDatabaseRequestSchema = z.strictObject({
  name: z.string(),
  owner: z.string().optional(),
  /** as Postgres names them; default: those of the template */
  encoding: z.string().optional(),
  locale: z.string().optional(),
  /** the database that it is a copy of */
  template: z.string().optional(),
});
export type CreateDatabaseRequest = z.infer<typeof createDatabaseRequestSchema>;

export const createUserRequestSchema = z.strictObject({
  name: z.string(),
  database: z.string().optional(),
  role: z.enum(attachmentRoles).optional(),
  password: z.string().optional(),
  take: z.boolean().optional(),
});
export type CreateUserRequest = z.infer<typeof createUserRequestSchema>;

export const grantRequestSchema = z.strictObject({
  database: z.string(),
  role: z.enum([...databaseRoles, "none"]),
  /** for an owner: what others made in it may become the owners' together */
  take: z.boolean().optional(),
});
export type GrantRequest = z.infer<typeof grantRequestSchema>;

export const rotateRequestSchema = z.strictObject({ grace_ms: graceMs.default(0) });

export interface AccountsInstallation {
  /** completes one that was begun; @throws OpError attachment-exists, database-exists, user-exists */
  attach(cluster: string, request: z.output<typeof attachRequestSchema>, asked: Asked): Promise<Attached>;
  /** the application has its URI */
  handedOver(cluster: string, app: string, request: HandedOverRequest, asked: Asked): Promise<AttachmentStatus>;
  /** @returns what was attached */
  detach(cluster: string, app: string, asked: Asked): Promise<AttachmentStatus>;

  databases(cluster: string): Promise<readonly DatabaseStatus[]>;
  createDatabase(cluster: string, request: CreateDatabaseRequest, asked: Asked): Promise<DatabaseStatus>;
  /** ends its sessions; @throws OpError object-in-use when an application is attached to it */
  dropDatabase(cluster: string, database: string, asked: Asked): Promise<void>;

  users(cluster: string): Promise<readonly UserStatus[]>;
  createUser(cluster: string, request: CreateUserRequest, asked: Asked): Promise<Credentials>;
  grant(cluster: string, user: string, request: GrantRequest, asked: Asked): Promise<UserStatus>;
  /** ends its sessions; what it owns goes to the databases' owners */
  dropUser(cluster: string, user: string, asked: Asked): Promise<void>;
  rotatePassword(cluster: string, user: string, graceMs: number, asked: Asked): Promise<Credentials>;
}
