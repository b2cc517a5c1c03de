/** Extensions of a cluster's databases, as the API tells them and takes them. */
import { z } from "zod";

import type { Asked } from "./asked.ts";
import type { Operation } from "./cluster.ts";

/** One that a database has. */
export const enabledExtensionSchema = z.object({
  database: z.string(),
  name: z.string(),
  version: z.string(),
  schema: z.string(),
  /** what the engine would install now; null: the engine has it no more */
  available: z.string().nullable(),
  has_update: z.boolean(),
  comment: z.string(),
});
export type EnabledExtension = z.infer<typeof enabledExtensionSchema>;

/** One that could be enabled: a host's engine has it. */
export const availableExtensionSchema = z.object({
  name: z.string(),
  version: z.string(),
  comment: z.string(),
  /** it must be loaded before it can be used, so that enabling it may restart the members */
  needs_preload: z.boolean(),
  requires: z.array(z.string()),
  enabled_in: z.array(z.string()),
  /** hosts that carry a member and lack it */
  missing_on: z.array(z.string()),
});
export type AvailableExtension = z.infer<typeof availableExtensionSchema>;

export const preloadedLibrarySchema = z.object({
  library: z.string(),
  /** members whose servers run without it: they wait for a restart, or their host lacks it */
  not_on: z.array(z.string()),
});
export type PreloadedLibrary = z.infer<typeof preloadedLibrarySchema>;

export const extensionListSchema = z.object({
  databases: z.array(z.string()),
  enabled: z.array(enabledExtensionSchema),
  available: z.array(availableExtensionSchema),
  preloaded: z.array(preloadedLibrarySchema),
});
export type ExtensionList = z.infer<typeof extensionListSchema>;

export const extensionRequestSchema = z.strictObject({
  change: z.enum(["enable", "disable", "update"]),
  name: z.string(),
  /** default: the only one that people made, or "postgres" when there is none */
  database: z.string().optional(),
  version: z.string().optional(),
  schema: z.string().optional(),
  /** disable: with everything that depends on it */
  cascade: z.boolean().default(false),
  /** members may be restarted, one at a time */
  restart: z.boolean().default(false),
  /** packages that bring it may be installed on the hosts */
  install: z.boolean().default(false),
});
export type ExtensionRequest = z.input<typeof extensionRequestSchema>;
export type ExtensionWish = z.output<typeof extensionRequestSchema>;

/** What a request would do; it is made again when it is carried out. */
export const extensionPlanSchema = z.object({
  change: z.enum(["enable", "disable", "update"]),
  name: z.string(),
  /** null: a library that is loaded for all databases */
  database: z.string().nullable(),
  /** that it has afterwards; null: none */
  version: z.string().nullable(),
  version_before: z.string().nullable(),
  /** required by it, and enabled with it */
  also: z.array(z.string()),
  /** Postgres settings that change; null: back to the default */
  settings: z.record(z.string(), z.string().nullable()),
  /** members that must be restarted for it; of a disabled one those that keep the library until their next restart */
  restart: z.array(z.string()),
  /** on which hosts packages are installed, as a person would type it */
  installs: z.array(z.object({ host: z.string(), line: z.string() })),
  /** goes with it, in Postgres' words */
  drops: z.array(z.string()),
  /** data of its own that goes with it */
  loses: z.array(z.string()),
  /** nothing is left to be done */
  is_done: z.boolean(),
  /** what a person should do or know afterwards */
  notes: z.array(z.string()),
});
export type ExtensionPlan = z.infer<typeof extensionPlanSchema>;

export interface ExtensionsInstallation {
  list(cluster: string): Promise<ExtensionList>;
  /** @throws OpError as `change` would, but for what it is not allowed to do */
  plan(cluster: string, wish: ExtensionWish): Promise<ExtensionPlan>;
  /** @throws OpError extension-missing, extension-not-found, restart-needed … before anything is changed */
  change(cluster: string, wish: ExtensionWish, asked: Asked): Promise<Operation>;
}
