/** The pooled endpoint of a cluster, as the API tells it and takes changes of it. */
import { z } from "zod";

import { poolModes } from "../domain/pool.ts";
import { addressSchema } from "./cluster.ts";

export { poolModes } from "../domain/pool.ts";

/** A router takes 10,000 connections, and those of the pools are among them. */
export const poolClientsMax = 9000;
export const poolWaitMsMax = 3_600_000;

export const poolChangeSchema = z
  .strictObject({
    on: z.boolean().exactOptional(),
    mode: z.enum(poolModes).exactOptional(),
    size: z.int().min(1).max(1000).exactOptional(),
    reserve: z.int().min(0).max(1000).exactOptional(),
    max_clients: z.int().min(10).max(poolClientsMax).exactOptional(),
    wait_ms: z.int().min(1000).max(poolWaitMsMax).exactOptional(),
    /** of the endpoint; only while it is off */
    port: z.int().min(1024).max(65_535).exactOptional(),
  })
  .refine((change) => Object.keys(change).length > 0, "nothing is to be changed");
export type PoolChange = z.infer<typeof poolChangeSchema>;

const poolSchema = z.object({
  database: z.string(),
  user: z.string(),
  mode: z.enum(poolModes),
  clients_active: z.int(),
  clients_waiting: z.int(),
  servers_active: z.int(),
  servers_idle: z.int(),
  /** being opened or tested */
  servers_other: z.int(),
  /** how long the first in the queue has waited */
  wait_ms: z.number(),
});

const poolTotalSchema = z.object({
  database: z.string(),
  transactions: z.number(),
  queries: z.number(),
  received_bytes: z.number(),
  sent_bytes: z.number(),
  transaction_ms: z.number(),
  query_ms: z.number(),
  wait_ms: z.number(),
});

export const poolOnHostSchema = z.object({
  host: z.string(),
  /** holding: clients wait for the primary to move */
  state: z.enum(["serving", "holding", "starting", "failed"]),
  /** why it does not serve; null otherwise */
  trouble: z.string().nullable(),
  /** of PgBouncer; null when it does not run */
  version: z.string().nullable(),
  /** connected, busy or not */
  clients: z.int(),
  pools: z.array(poolSchema),
  /** since the pooler's start */
  totals: z.array(poolTotalSchema),
});
export type PoolOnHost = z.infer<typeof poolOnHostSchema>;

export const poolStatusSchema = z.object({
  cluster: z.string(),
  on: z.boolean(),
  /** null: it was never on */
  endpoint: addressSchema.nullable(),
  mode: z.enum(poolModes),
  /** servers for each user and database, on each host */
  size: z.int(),
  reserve: z.int(),
  max_clients: z.int(),
  wait_ms: z.int(),
  /** of Postgres */
  max_connections: z.int(),
  /** the most that all pools of one host may have of them */
  servers_max: z.int(),
  hosts: z.array(poolOnHostSchema),
  /** hosts that said nothing, and why */
  missing: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type PoolStatus = z.infer<typeof poolStatusSchema>;
