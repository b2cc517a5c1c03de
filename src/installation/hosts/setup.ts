/**
 * `host init` and `host join` as the command line is given them by its entry (contract/host.ts): the steps of init.ts
 * and join.ts with the real store and, where it can be, the service. Runs in the command's process, not in the agent.
 */
import type { HostMade, HostOptions, HostSetup } from "../../contract/host.ts";
import { initHost } from "./init.ts";
import { joinHost } from "./join.ts";
import type { StoreSetup } from "./own-store.ts";
import { canInstallService, installService } from "./service.ts";

export function createHostSetup(stores: StoreSetup): HostSetup {
  return {
    init: async (options, tell) => withService(options, await initHost(options, stores, tell), tell),
    join: async (token, options, tell) => withService(options, await joinHost(token, options, stores, tell), tell),
  };
}

async function withService(
  options: HostOptions,
  made: Omit<HostMade, "service">,
  tell: (step: string) => void,
): Promise<HostMade> {
  if (!made.changed || !options.service || !canInstallService()) return { ...made, service: null };
  tell("starting the agent as a systemd service");
  const { home, agentScript } = options;
  return { ...made, service: await installService({ node: process.execPath, agentScript, home }) };
}
