/** How many members a cluster has, and what each of them gets: as the API takes it, and what a change of it would do. */
import { z } from "zod";

import { settingsPlanSchema } from "./settings.ts";

export const scaleRequestSchema = z
  .strictObject({
    /** in the primary region */
    members: z.int().min(1).max(16).optional(),
    /** of each member */
    memory_bytes: z.int().positive().optional(),
    cpus: z.int().min(1).max(256).optional(),
    /** whether servers are kept to them; left out: to those of the two that are named */
    limit: z.boolean().optional(),
    /** now, where the change needs it; otherwise it stays pending */
    restart: z.boolean().default(false),
  })
  .refine(
    ({ members, memory_bytes: memory, cpus, limit }) => [members, memory, cpus, limit].some((one) => one !== undefined),
    "nothing to change: give members, memory_bytes, cpus or limit",
  );
export type ScaleRequest = z.input<typeof scaleRequestSchema>;

const figure = z.object({ before: z.number(), after: z.number() });
const limited = z.object({ memory: z.boolean(), cpus: z.boolean() });

export const scalePlanSchema = settingsPlanSchema.extend({
  members: figure,
  memory_bytes: figure,
  cpus: figure,
  limited: z.object({ before: limited, after: limited }),
  /** settings that are the user's own, and stay although another value is computed now */
  kept: z.array(z.object({ name: z.string(), value: z.string(), computed: z.string() })),
});
export type ScalePlan = z.infer<typeof scalePlanSchema>;
