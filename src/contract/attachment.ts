/** An application that is attached to a cluster, as status and the commands about it tell it. */
import { z } from "zod";

import { attachmentRoles } from "../domain/attachment.ts";

/** It becomes a line of a file that shells read. */
export const variablePattern = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

export const attachmentSchema = z.object({
  app: z.string(),
  database: z.string(),
  user: z.string(),
  role: z.enum(attachmentRoles),
  /** making and made: the application has no URI yet, and the next attach completes it; detaching: the next detach does */
  state: z.enum(["making", "made", "attached", "detaching"]),
  /** under which the application reads its URI */
  variable: z.string(),
  /** where the URI was written to; null when it was handed over in another way */
  env_file: z.object({ machine: z.string(), path: z.string() }).nullable(),
  /** its URI leads to the pooled endpoint */
  pooled: z.boolean().default(false),
  by: z.string(),
  created_at: z.string(),
});
export type AttachmentStatus = z.infer<typeof attachmentSchema>;
