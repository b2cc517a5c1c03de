/**
 * Who asks something of an agent, and what that one may do. Pure; shared by the API, the tokens, and agents that hand a
 * request on for somebody.
 */

/** From the least to the most. viewer looks; operator changes clusters; admin also destroys, and cares for hosts and tokens. */
export const roles = ["viewer", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

export function isRole(text: string): text is Role {
  return roles.some((role) => role === text);
}

/** Whether `role` may do what needs at least `least`. */
export function includesRole(role: Role, least: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(least);
}

/** The one for whom another agent asks. */
export interface OnBehalf {
  readonly by: string;
  readonly role: Role;
}

/** Name of the caller: on the Unix socket as the client says it, between hosts as the first agent found it. */
export const userHeader = "x-matriarch-user";
/** Role of the one for whom another agent asks; believed of hosts only. */
export const roleHeader = "x-matriarch-role";
/** Set by an agent that hands on what is in its own audit already; believed of hosts only. */
export const handedOnHeader = "x-matriarch-handed-on";
