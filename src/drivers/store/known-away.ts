/**
 * A store that is known to be away refuses at once, instead of after the seconds in which it might have answered. For
 * what people ask; loops go on asking the store itself. Used by the agent's entry and the installation.
 */
import { OpError } from "../../errors/op-error.ts";
import type { Store } from "./port.ts";

export interface StoreSeen {
  readonly reachable: boolean;
  /** wall clock; undefined while it answers */
  readonly awaySince: number | undefined;
}

export function refuseWhileAway(store: Store, seen: StoreSeen): Store {
  const refuse = (): void => {
    if (!seen.reachable) throw storeAway(seen.awaySince);
  };
  return {
    read: async (...wanted) => (refuse(), store.read(...wanted)),
    commit: async (...wanted) => (refuse(), store.commit(...wanted)),
    watch: (...wanted) => store.watch(...wanted),
    close: () => store.close(),
  };
}

export function storeAway(since: number | undefined): OpError {
  const when =
    since === undefined ? "It does not answer now" : `It has not answered since ${new Date(since).toISOString()}`;
  return new OpError("store-unavailable", {
    message: "the store cannot be reached; nothing was changed",
    detail: `${when}. A healthy primary goes on without it; nobody fails over until it is back.`,
    hint: "See which hosts answer with: matriarch host list. The servers of one host end without it: matriarch agent stop --servers, there.",
  });
}
