/** Settings of a cluster's servers, as the API tells them and takes them. */
import { z } from "zod";

import type { Asked } from "./asked.ts";
import type { Operation } from "./cluster.ts";

/** One row of a server's pg_settings, in base units. */
export const serverSettingSchema = z.object({
  name: z.string(),
  setting: z.string(),
  unit: z.string().nullable(),
  vartype: z.string(),
  context: z.string(),
  category: z.string(),
  min_val: z.string().nullable(),
  max_val: z.string().nullable(),
  enumvals: z.array(z.string()).nullable(),
  boot_val: z.string().nullable(),
  short_desc: z.string(),
});

/**
 * computed: by Matriarch, from what the members have. extensions: libraries that extensions need, as a new cluster begins
 * with and `extension enable` adds them, and nobody named by hand. owned: by Matriarch, and not to be set.
 */
export const settingSources = ["user", "computed", "extensions", "owned", "default", "other"] as const;
export type SettingSource = (typeof settingSources)[number];

export const settingSchema = z.object({
  name: z.string(),
  /** as people read it, on the primary or the first member that answers: `256 MB` */
  value: z.string(),
  /** as the server shows it, in `unit` */
  setting: z.string(),
  unit: z.string().nullable(),
  /** bool, integer, real, string, enum */
  type: z.string(),
  /** as people read them; null where there is no bound */
  min: z.string().nullable(),
  max: z.string().nullable(),
  allowed: z.array(z.string()).nullable(),
  /** what Postgres itself would take */
  default: z.string().nullable(),
  source: z.enum(settingSources),
  /** one line: what it was computed from, or why it is owned */
  why: z.string().nullable(),
  /** a change needs a restart */
  restart: z.boolean(),
  /** null: what was asked for is in force everywhere */
  pending: z.object({ value: z.string(), members: z.array(z.string()), reason: z.string() }).nullable(),
  /** members on which it is another value */
  differs: z.array(z.object({ member: z.string(), value: z.string() })),
  category: z.string(),
  description: z.string(),
});
export type Setting = z.infer<typeof settingSchema>;

export const settingsReportSchema = z.object({
  settings: z.array(settingSchema),
  /** could not be asked */
  away: z.array(z.object({ member: z.string(), reason: z.string() })),
});
export type SettingsReport = z.infer<typeof settingsReportSchema>;

export const changeSettingsRequestSchema = z.strictObject({
  set: z.record(z.string(), z.string()).default({}),
  unset: z.array(z.string()).default([]),
  /** now, where the change needs it; otherwise it stays pending */
  restart: z.boolean().default(false),
});
export type ChangeSettingsRequest = z.input<typeof changeSettingsRequestSchema>;

export const settingChangeSchema = z.object({
  name: z.string(),
  before: z.string(),
  after: z.string(),
  source: z.enum(settingSources),
  restart: z.boolean(),
});
export type SettingChange = z.infer<typeof settingChangeSchema>;

export const settingsPlanSchema = z.object({
  /** whether anything is written at all */
  changed: z.boolean(),
  changes: z.array(settingChangeSchema).readonly(),
  warnings: z.array(z.string()).readonly(),
  /** members in the order of their restart; empty: none is needed */
  restart: z.array(z.string()).readonly(),
  /** how writes pause; null: they do not */
  pause: z.string().nullable(),
  away: z.array(z.object({ member: z.string(), reason: z.string() })),
});
export type SettingsPlan = z.infer<typeof settingsPlanSchema>;

export interface SettingsInstallation {
  show(cluster: string): Promise<SettingsReport>;
  /** checks, and says what would happen; changes nothing. @throws OpError bad-value with all that is wrong */
  plan(cluster: string, request: ChangeSettingsRequest): Promise<SettingsPlan>;
  change(cluster: string, request: ChangeSettingsRequest, asked: Asked): Promise<Operation>;
}
