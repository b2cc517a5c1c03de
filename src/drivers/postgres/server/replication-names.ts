/**
 * How a member is named within Postgres' replication: its slot, its stream, and the upstream in its connection string.
 * Called by the observer and the actions of this driver. Pure.
 */
import type { MemberId } from "../../../domain/cluster.ts";
import { voterName } from "../../../domain/rule.ts";
import { formatConninfo } from "../configuration/quote.ts";
import type { MemberServerConfig, Upstream } from "../port.ts";

export const replicationUser = "matriarch_replication";

const slotPrefix = "matriarch_";

/** Slot names know only lower case letters, digits and underscores. */
export function slotOf(member: MemberId): string {
  return slotPrefix + member.replaceAll("-", "_");
}

/** The member of a slot: ids are `<cluster>-<number>`, and no cluster's name has an underscore. */
function memberOfSlot(slot: string): MemberId | undefined {
  return slot.startsWith(slotPrefix) ? slot.slice(slotPrefix.length).replaceAll("_", "-") : undefined;
}

/** Slots that somebody else made are left out. */
export function membersOfSlots(slots: readonly string[]): readonly MemberId[] {
  return slots.map((slot) => memberOfSlot(slot)).filter((member) => member !== undefined);
}

const upstreamMark = "fallback_application_name";

/**
 * `primary_conninfo` for a stream from `upstream`; "" for none. The fallback name is never used, for there is an
 * application_name: it carries the upstream's id, so that the server itself can say whom it was told to follow.
 */
export function conninfoFor(config: MemberServerConfig, upstream: Upstream | null): string {
  if (upstream === null) return "";
  return formatConninfo({
    host: upstream.socketDirectory,
    port: upstream.port,
    user: replicationUser,
    application_name: voterName(config),
    [upstreamMark]: upstream.member,
    connect_timeout: 5,
    keepalives_idle: 5,
    keepalives_interval: 2,
    keepalives_count: 3,
    tcp_user_timeout: 5000,
  });
}

export function upstreamOfConninfo(conninfo: string): MemberId | null {
  return new RegExp(`${upstreamMark}\\s*=\\s*'?([a-z0-9-]+)'?`).exec(conninfo)?.[1] ?? null;
}
