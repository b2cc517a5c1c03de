/** Where this host says how its members are: addresses and ports, from the agent's options. Called by agent.ts. */
import type { AgentOptions } from "../config/agent-options.ts";
import { homePaths } from "../config/home.ts";
import type { MemberRecord } from "../domain/cluster.ts";
import type { HostRecord } from "../domain/host.ts";
import { hostPorts } from "../domain/host.ts";
import { statusPortOf } from "../domain/status-port.ts";
import type { HealthPlace } from "../installation/health/tell.ts";
import type { Parts } from "../installation/parts.ts";
import { hostStatusPort } from "../installation/ports.ts";
import type { Setup } from "./setup.ts";

const here = "127.0.0.1";

export function statusPlace(parts: Parts, options: AgentOptions, { endpoints, several }: Setup): HealthPlace {
  const usual = several ? hostPorts(several.config.base_port).status : hostStatusPort(parts.home);
  return {
    listenHosts: { local: [here], all: ["::"], endpoints: endpoints.listenHosts ?? [here], off: [] }[
      options.status_listen
    ],
    hostPort: options.status_port ?? usual,
    agentSocket: homePaths(parts.home).socket,
    ...(options.status_tls === "on" ? { tls: endpoints.tls } : {}),
    trouble: (error) =>
      parts.events.emit(
        "endpoint.not-listening",
        {},
        { reason: error instanceof Error ? error.message : String(error) },
      ),
  };
}

/** As other machines reach it, where it can be reached from them. */
export function statusUrlOf(
  { status_listen: listen, status_tls: tls }: AgentOptions,
  { port, host }: MemberRecord,
  hosts: readonly HostRecord[],
): string | undefined {
  const own = statusPortOf(port);
  if (own === undefined || listen === "off") return undefined;
  const address = listen === "local" ? here : (hosts.find(({ name }) => name === host)?.address ?? here);
  return `${tls === "on" ? "https" : "http"}://${address}:${own}`;
}
