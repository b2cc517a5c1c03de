/** What the API says of versions of Postgres: who runs what, what is newer, and how a newer minor version would be taken. */
import { z } from "zod";

import type { Asked } from "./asked.ts";
import type { Operation } from "./cluster.ts";

export const minorVersion = /^\d{1,2}\.\d{1,3}$/;

export const memberVersionSchema = z.object({
  id: z.string(),
  host: z.string(),
  role: z.enum(["primary", "standby"]),
  /** as its server says; null when it does not run */
  running: z.string().nullable(),
  /** what its next start is with */
  next_start: z.string().nullable(),
});
export type MemberVersion = z.infer<typeof memberVersionSchema>;

export const versionReportSchema = z.object({
  cluster: z.string(),
  engine: z.enum(["embedded", "system"]),
  /** of the user's own build; null: the packaged binaries, or what packages of the system brought */
  engine_directory: z.string().nullable().default(null),
  major: z.int(),
  members: z.array(memberVersionSchema),
  /** embedded: what this release brings or the home has; system: what the machines have installed */
  newest: z.string().nullable(),
  /** `upgrade` has something to do */
  is_behind: z.boolean(),
  /** only when it was asked for */
  newest_in_registry: z.string().nullable(),
});
export type VersionReport = z.infer<typeof versionReportSchema>;

export const upgradePlanSchema = z.object({
  cluster: z.string(),
  to: z.string(),
  /** in the order of their turns; empty: there is nothing to do */
  turns: z.array(
    z.object({
      member: z.string(),
      from: z.string().nullable(),
      /** standbys cost no pause while enough others acknowledge */
      how: z.enum(["restart", "switchover", "in-place"]),
    }),
  ),
  /** of writes, when the primary has its turn: the median of what this cluster has seen; null when it has seen none */
  expected_pause_ms: z.number().nullable(),
  /** what must be otherwise first, each in a sentence */
  problems: z.array(z.string()),
});
export type UpgradePlan = z.infer<typeof upgradePlanSchema>;

const version = z.string().max(20);

export const versionQuerySchema = z.strictObject({ check: z.enum(["true", "false"]).default("false") });
export const upgradeQuerySchema = z.strictObject({
  to: version.optional(),
  in_place: z.enum(["true", "false"]).default("false"),
});
export const upgradeRequestSchema = z.strictObject({
  to: version.optional(),
  /** cut sessions with long transactions, and go on beside prepared ones */
  force: z.boolean().default(false),
  in_place: z.boolean().default(false),
});

export interface UpgradeWish {
  /** left out: the newest that is there */
  readonly to?: string;
  readonly force: boolean;
  readonly inPlace: boolean;
}

export interface UpgradesInstallation {
  versions(cluster: string, options: { readonly check: boolean }): Promise<VersionReport>;
  plan(cluster: string, wish: Pick<UpgradeWish, "to" | "inPlace">): Promise<UpgradePlan>;
  /** @throws OpError upgrade-blocked, bad-value (older), not-supported (another major) */
  upgrade(cluster: string, wish: UpgradeWish, asked: Asked): Promise<Operation>;
}
