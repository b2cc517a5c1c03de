/** An installation over several hosts: etcd for the store, the guard for promises, the relay between servers. */
import type { HostConfig } from "../config/host-config.ts";
import { OpError } from "../errors/op-error.ts";
import type { Setup, SetupParts } from "./setup.ts";

export async function setUpSeveralHosts(_config: HostConfig, _parts: SetupParts): Promise<Setup> {
  throw new OpError("usage", { message: "not yet" });
}
