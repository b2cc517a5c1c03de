/** What `host init` and `host join` have in common: who this host is, and the agent's start after them. */
import { setTimeout as sleep } from "node:timers/promises";

import type { HostMade, HostOptions } from "../../../contract/host.ts";
import { OpError } from "../../../errors/op-error.ts";
import { countArgument } from "../../command.ts";
import type { CommandContext } from "../../context.ts";

export interface HostFlags {
  readonly name?: string | undefined;
  readonly address?: string | undefined;
  readonly zone?: string | undefined;
  readonly region?: string | undefined;
  readonly basePort?: number | undefined;
  readonly service: boolean;
}

export const basePortArgument = countArgument(1024, 65_500);

export function hostOptions(context: CommandContext, flags: HostFlags): HostOptions {
  const { name, address, zone, region, basePort, service } = flags;
  return {
    home: context.home,
    agentScript: context.agentScript,
    service,
    ...(name === undefined ? {} : { name }),
    ...(address === undefined ? {} : { address }),
    ...(zone === undefined ? {} : { zone }),
    ...(region === undefined ? {} : { region }),
    ...(basePort === undefined ? {} : { basePort }),
  };
}

const serviceAnswersMs = 30_000;

/** The host is made; its agent may have been started by systemd, else this starts it. @throws OpError agent-start-failed */
export async function awaitAgent(context: CommandContext, { service, changed }: HostMade): Promise<void> {
  if (service === null && !changed && (await context.runningClient())) return;
  if (service === null) {
    await context.client();
    return;
  }
  const deadline = Date.now() + serviceAnswersMs;
  while (!(await context.runningClient())) {
    if (Date.now() > deadline)
      throw new OpError("agent-start-failed", {
        message: `the agent does not answer ${serviceAnswersMs / 1000} s after the start of ${service}`,
        hint: `See: systemctl status ${service}`,
      });
    await sleep(100);
  }
}
