/** What the API says of a cluster to those who watch it: checks, and figures for Prometheus. */
import { z } from "zod";

export const checkGroups = ["vm", "pg", "role"] as const;

export const checkLineSchema = z.object({
  group: z.enum(checkGroups),
  /** null: of the host as a whole */
  member: z.string().nullable(),
  host: z.string(),
  /** `disk`, `load`, `connections`, … */
  check: z.string(),
  ok: z.boolean(),
  /** what was found, in one sentence */
  message: z.string(),
  /** what to do about it; null when it is well */
  hint: z.string().nullable(),
  took_ms: z.number(),
});
export type CheckLine = z.infer<typeof checkLineSchema>;

export const checkReportSchema = z.object({
  cluster: z.string(),
  ok: z.boolean(),
  lines: z.array(checkLineSchema),
  /** hosts that did not answer, and why: then it is not ok */
  missing: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type CheckReport = z.infer<typeof checkReportSchema>;

const flag = z.enum(["true", "false"]).transform((text) => text === "true");

export const checkQuerySchema = z.strictObject({
  /** left out: all */
  group: z.enum(checkGroups).optional(),
  /** left out: all */
  member: z.string().max(100).optional(),
  /** only what this host can see; left out: the other hosts are asked as well */
  here: flag.default(false),
});
export type CheckQuery = z.output<typeof checkQuerySchema>;

export const flyCheckQuerySchema = z.strictObject({ member: z.string().max(100) });

export const metricsQuerySchema = z.strictObject({
  /** left out: of all members on this host, and of the host itself */
  member: z.string().max(100).optional(),
});

export const metricsHereQuerySchema = z.strictObject({ here: flag.default(false) });

export const clusterMetricsSchema = z.object({
  /** Prometheus' text format, version 0.0.4 */
  text: z.string(),
  /** where Prometheus finds it: a URL for each member */
  targets: z.array(z.string()),
  missing: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type ClusterMetrics = z.infer<typeof clusterMetricsSchema>;

export interface MonitoringInstallation {
  /** within five seconds, whatever hangs */
  check(cluster: string, query: CheckQuery): Promise<CheckReport>;
  /** one group on one member of this host, as lines for people */
  checkText(group: string, member: string): Promise<{ readonly text: string; readonly ok: boolean }>;
  /** of this host: Prometheus' text format */
  metrics(member: string | undefined): Promise<string>;
  clusterMetrics(cluster: string, here: boolean): Promise<ClusterMetrics>;
}
