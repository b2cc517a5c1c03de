/** Client certificates for people and programs that call the agent from other machines, as the API tells and takes them. */
import { z } from "zod";

import { roles } from "../domain/caller.ts";
import type { Asked } from "./installation.ts";
import { callerName, tokenExpiresMsMax } from "./tokens.ts";

export const certificateExpiresMs = 90 * 24 * 3_600_000;

export const userCertificateRequestSchema = z.strictObject({
  name: callerName,
  role: z.enum(roles),
  expires_ms: z.int().min(1000).max(tokenExpiresMsMax).default(certificateExpiresMs),
});
export type UserCertificateRequest = z.infer<typeof userCertificateRequestSchema>;
export type UserCertificateWish = z.input<typeof userCertificateRequestSchema>;

export const userCertificateSchema = z.object({
  /** begins its SHA-256 fingerprint */
  id: z.string(),
  /** who it stands for: this name is in the audit */
  name: z.string(),
  role: z.enum(roles),
  fingerprint: z.string(),
  created_at: z.string(),
  created_by: z.string(),
  expires_at: z.string(),
  expired: z.boolean(),
});
export type UserCertificate = z.infer<typeof userCertificateSchema>;

export const createdCertificateSchema = userCertificateSchema.extend({
  certificate: z.string(),
  /** shown once; kept nowhere */
  key: z.string(),
  /** of the authority */
  ca: z.string(),
  /** `https://10.0.0.1:7400` of every host */
  hosts: z.array(z.string()),
});
export type CreatedCertificate = z.infer<typeof createdCertificateSchema>;

export interface CertificatesInstallation {
  list(): Promise<readonly UserCertificate[]>;
  /** @throws OpError bad-value, host-unreachable when no host that holds the CA's key answers */
  create(request: UserCertificateRequest, asked: Asked): Promise<CreatedCertificate>;
  /** @throws OpError certificate-not-found */
  revoke(id: string): Promise<void>;
}
