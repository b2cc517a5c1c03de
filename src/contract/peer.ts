/**
 * What agents of one installation say to each other (`POST /v1/peer/…`, open to host certificates only). Each part is
 * offered by the agent and checked by the API; a newer agent may send fields that an older one does not know. One more
 * is a method here and a line in api/routes/peer.ts.
 */
import { z } from "zod";

/** Ports on that host for servers of members that are about to be placed there; kept for them for a minute. */
export const claimPortsRequestSchema = z.strictObject({ count: z.int().min(1).max(64) });
export const claimPortsAnswerSchema = z.object({ ports: z.array(z.int()) });

export interface PeerApi {
  /** what the agent of `host` sees of its members; checked by the receiver (agent/peers) */
  looks(host: string, message: unknown): Promise<unknown>;
  claimPorts(count: number): Promise<readonly number[]>;
}
