/**
 * What making and joining a host need of the store, as functions, so that the steps can be read and tested apart from
 * etcd. `etcd-setup.ts` is the real one.
 */
import type { HostConfig } from "../../config/host-config.ts";
import type { Store } from "../../drivers/store/port.ts";
import type { HostSelf } from "./self.ts";

export type StoreConfig = HostConfig["store"];

/** A host as its own etcd needs to know it. */
export interface StoreHost {
  readonly home: string;
  readonly self: HostSelf;
}

export interface StoreSetup {
  /** Before anything is made. @throws OpError etcd-missing when this host cannot run etcd */
  findEtcd(): Promise<void>;
  /** The first member of a new one, or the one that this home has already; resolves when it answers. */
  startFirst(host: StoreHost): Promise<void>;
  /** One more member, or the one that this home has already; resolves when it has caught up. */
  join(host: StoreHost, endpoints: readonly string[]): Promise<void>;
  /** @throws OpError store-unavailable, store-refused, not-supported for a version that cannot be used */
  check(config: StoreConfig): Promise<void>;
  open(home: string, config: StoreConfig): Store;
}
