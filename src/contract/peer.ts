/**
 * What agents of one installation say to each other (`POST /v1/peer/…`, open to host certificates only). Each part is
 * offered by the agent and checked by the API; a newer agent may send fields that an older one does not know. One more
 * is a method here and a line in api/routes/peer.ts.
 */
import { z } from "zod";

/** Ports on that host for servers of members that are about to be placed there; kept for them for a minute. */
export const claimPortsRequestSchema = z.strictObject({ count: z.int().min(1).max(64) });
export const claimPortsAnswerSchema = z.object({ ports: z.array(z.int()) });

/** What `origin` (left out: the host that is asked) wrote after `after`, as far as the host that is asked has it. */
export const journalRequestSchema = z.object({
  origin: z.string().min(1).max(255).optional(),
  after: z.int().nonnegative(),
  limit: z.int().min(1).max(1000).default(500),
});
export const journalAnswerSchema = z.object({
  origin: z.string(),
  /** nothing of this origin is missing up to here but `rows` */
  head: z.int().nonnegative(),
  /** checked one by one by the receiver (events/journal-row.ts) */
  rows: z.array(z.object({ kind: z.string(), row: z.unknown() })).max(1000),
});
export type JournalRequest = z.output<typeof journalRequestSchema>;
export type JournalAnswer = z.infer<typeof journalAnswerSchema>;

export interface PeerApi {
  /** what the agent of `host` sees of its members; checked by the receiver (agent/peers) */
  looks(host: string, message: unknown): Promise<unknown>;
  claimPorts(count: number): Promise<readonly number[]>;
  /** events and operations, for hosts that do not have them yet */
  journal(request: JournalRequest): Promise<JournalAnswer>;
}
