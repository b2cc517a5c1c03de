/**
 * An application that was given its own access to a cluster: what `attach` made for it, and how far it came. Kept in the
 * store, one record for each application, so that a half-finished attach or detach is completed by the next one, asked
 * of any host. Never holds a password. Pure.
 */

/** What a user may do in a database. Each may do what the ones before it may. */
export const databaseRoles = ["reader", "writer", "owner"] as const;
export type DatabaseRole = (typeof databaseRoles)[number];

export const attachmentRoles = [...databaseRoles, "superuser"] as const;
export type AttachmentRole = (typeof attachmentRoles)[number];

/**
 * making: database and user are being made. made: they are there, and nobody has confirmed yet that the application got
 * its URI, the first one or that of a new password. attached: it has. detaching: being undone; what is left of it goes with the next detach.
 */
export type AttachmentPhase = "making" | "made" | "attached" | "detaching";

export interface Attachment {
  readonly app: string;
  readonly database: string;
  readonly user: string;
  readonly role: AttachmentRole;
  readonly phase: AttachmentPhase;
  /** name under which the application reads its URI */
  readonly variable: string;
  /** file that the URI was written to, and the machine that it is on; null: it was handed over in another way */
  readonly envFile: { readonly machine: string; readonly path: string } | null;
  /** its URI leads to the pooled endpoint */
  readonly isPooled?: true;
  readonly by: string;
  readonly createdAt: number;
}

/** Its name within the record's key: applications may have characters that keys of the store may not. */
export function attachmentId(app: string): string {
  return encodeURIComponent(app);
}

/** As Fly's users know it: `My-App` has the database `my_app` and the user `my_app`. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}
