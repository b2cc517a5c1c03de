/** Bodies and queries of the API's requests. Unknown keys are refused, and every problem is told at once. */
import { z } from "zod";
import { autostopMsSchema } from "./cluster.ts";
import { maxLagMsSchema } from "./reads.ts";

export const nothingSchema = z.strictObject({});

export const restartRequestSchema = z.strictObject({
  member: z.string().optional(),
  /** only members with settings that wait for a restart */
  pending: z.boolean().default(false),
  /** the primary is stopped and started where it is, whoever could take over */
  in_place: z.boolean().default(false),
});

/** At most thirty days: a pause ends by itself. */
export const pauseForMsMax = 30 * 24 * 3_600_000;
export const pauseRequestSchema = z.strictObject({ for_ms: z.int().min(1000).max(pauseForMsMax) });

/** null: off */
export const autostopRequestSchema = z.strictObject({ idle_ms: autostopMsSchema.nullable() });

export const switchoverRequestSchema = z.strictObject({
  to: z.string().exactOptional(),
  primary_region: z.string().optional(),
});

export const failoverRequestSchema = z.strictObject({
  to: z.string().optional(),
  primary_region: z.string().optional(),
  force: z.boolean().default(false),
  accept_data_loss: z.boolean().default(false),
});

/** Where one more member goes; all left out: where it suits best, in the primary region. */
export const addMemberRequestSchema = z.strictObject({
  region: z.string().exactOptional(),
  zone: z.string().exactOptional(),
  host: z.string().exactOptional(),
  /** a standby that it follows instead of the primary: then it never votes */
  upstream: z.string().exactOptional(),
});

export const stopAgentRequestSchema = z.strictObject({ servers: z.boolean().default(false) });

export const eventsLimitMax = 1000;
/** From the `Link` header of the page before. */
const cursor = z
  .string()
  .max(200)
  .regex(/^[\w.-]+$/, "it is no cursor that an answer gave");
export const eventsQuerySchema = z.strictObject({
  after_id: z.coerce.number().int().min(0).optional(),
  type: z.string().optional(),
  member: z.string().optional(),
  limit: z.coerce.number().int().min(0).max(eventsLimitMax).default(100),
});
export const eventPagesQuerySchema = eventsQuerySchema.extend({ cursor: cursor.optional() });

export const operationsQuerySchema = z.strictObject({
  cluster: z.string().optional(),
  state: z.enum(["running", "done", "failed", "cancelled"]).optional(),
  limit: z.coerce.number().int().min(1).max(eventsLimitMax).default(100),
  cursor: cursor.optional(),
});

export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(eventsLimitMax).optional(),
  cursor: cursor.optional(),
});

export const auditQuerySchema = z.strictObject({
  cluster: z.string().optional(),
  after_id: z.coerce.number().int().min(0).optional(),
  limit: z.coerce.number().int().min(0).max(eventsLimitMax).default(100),
  cursor: cursor.optional(),
});

export const connectionQuerySchema = z.strictObject({
  role: z.enum(["primary", "read", "pooled"]).default("primary"),
  user: z.string().optional(),
  database: z.string().optional(),
  /** of the read endpoint: this client's own limit */
  max_lag_ms: z.coerce.number().pipe(maxLagMsSchema).optional(),
});

export const candidatesQuerySchema = z.strictObject({
  kind: z.enum(["switchover", "failover"]),
  to: z.string().optional(),
  region: z.string().optional(),
});
