/**
 * Who may come in from other machines, in the store: tokens at `token/<id>`, certificates at `certificate/<id>`. Called
 * by installation/tokens.ts and certificates.ts. No secret is kept: of a token its hash, of a certificate its fingerprint.
 */
import { z } from "zod";

import { roles } from "../../domain/caller.ts";
import type { Store } from "./port.ts";

const common = {
  id: z.string().min(1),
  /** who it stands for */
  name: z.string().min(1),
  role: z.enum(roles),
  /** wall clock */
  createdAt: z.number(),
  createdBy: z.string(),
};
/** SHA-256, hex */
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const tokenSchema = z.strictObject({
  ...common,
  /** of the secret */
  secretHash: hash,
  /** wall clock; null: until it is revoked */
  expiresAt: z.number().nullable(),
});
export type AccessTokenRecord = Readonly<z.infer<typeof tokenSchema>>;

const certificateSchema = z.strictObject({
  ...common,
  /** of the whole certificate */
  fingerprint: hash,
  /** wall clock */
  expiresAt: z.number(),
});
export type AccessCertificateRecord = Readonly<z.infer<typeof certificateSchema>>;

export interface AccessRecords<T> {
  /** for `Store.watch` */
  readonly prefix: string;
  /** One that cannot be read lets nobody in, and keeps nobody else out. @throws OpError store-unavailable */
  read(store: Store, signal?: AbortSignal): Promise<readonly T[]>;
  add(store: Store, record: T): Promise<void>;
  remove(store: Store, id: string): Promise<void>;
}

export const accessTokens: AccessRecords<AccessTokenRecord> = recordsAt("token/", tokenSchema);
export const accessCertificates: AccessRecords<AccessCertificateRecord> = recordsAt("certificate/", certificateSchema);

function recordsAt<T extends { readonly id: string }>(prefix: string, schema: z.ZodType<T>): AccessRecords<T> {
  return {
    prefix,
    read: async (store, signal) => {
      const { entries } = await store.read(prefix, signal);
      return entries.flatMap(({ key, value }) => {
        const parsed = schema.safeParse(value);
        return parsed.success && key === prefix + parsed.data.id ? [parsed.data] : [];
      });
    },
    add: async (store, record) => {
      const key = prefix + record.id;
      await store.commit({ require: [{ key, revision: 0 }], put: [{ key, value: record }] });
    },
    remove: async (store, id) => {
      await store.commit({ require: [], remove: [prefix + id] });
    },
  };
}
