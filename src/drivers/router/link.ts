/** One connection to a router's control socket. Called by process.ts. Every request has a deadline. */
import type { RouterRequest, RouterStatus } from "../../router/wire.ts";
import { ControlLink, type WithoutId } from "../process/control-link.ts";

/** A request without its id. */
export type RouterWish = WithoutId<RouterRequest>;
export type RouterLink = ControlLink<RouterWish, RouterStatus>;

export const routerName = { name: "router", unreachable: "router-unreachable" } as const;

/** @returns undefined when nobody listens there */
export function openRouterLink(path: string, unasked: (said: unknown) => void): Promise<RouterLink | undefined> {
  return ControlLink.open({ path, ...routerName, unasked });
}
