/** Tokens for people and programs that call the agent from other machines, as the API tells them and takes them. */
import { z } from "zod";

import { roles } from "../domain/caller.ts";
import type { Asked } from "./installation.ts";

export const tokenExpiresMsMax = 10 * 365 * 24 * 3_600_000;
/** Also a good name of a file, and in a certificate. */
export const callerName = z.string().regex(/^[A-Za-z0-9][\w.@-]{0,62}$/, "letters, digits and . _ @ -, at most 63");

export const tokenRequestSchema = z.strictObject({
  name: callerName,
  role: z.enum(roles),
  /** without it the token is good until it is revoked */
  expires_ms: z.int().min(1000).max(tokenExpiresMsMax).optional(),
});
export type TokenRequest = z.infer<typeof tokenRequestSchema>;

export const tokenSchema = z.object({
  id: z.string(),
  /** who it stands for: this name is in the audit */
  name: z.string(),
  role: z.enum(roles),
  created_at: z.string(),
  created_by: z.string(),
  expires_at: z.string().nullable(),
  expired: z.boolean(),
});
export type Token = z.infer<typeof tokenSchema>;

export const createdTokenSchema = tokenSchema.extend({
  /** shown once */
  token: z.string(),
});
export type CreatedToken = z.infer<typeof createdTokenSchema>;

export interface TokensInstallation {
  list(): Promise<readonly Token[]>;
  create(request: TokenRequest, asked: Asked): Promise<CreatedToken>;
  /** @throws OpError token-not-found */
  revoke(id: string): Promise<void>;
}
