/** The agent in a few lines. */
import { formatMoment } from "../../contract/moment.ts";
import type { AgentStatus } from "../../contract/cluster.ts";
import type { Paint } from "./paint.ts";
import { storeWords } from "./words.ts";

export function renderAgent(agent: AgentStatus, paint: Paint): string {
  const store = storeWords(agent.store);
  return [
    `The agent runs as process ${agent.pid}, version ${agent.version}, since ${formatMoment(Date.parse(agent.started_at))}.`,
    ...(store === undefined ? [] : [paint("warn", store)]),
    ...(agent.host === null ? [] : [`host      ${agent.host}`]),
    `home      ${agent.home}`,
    `socket    ${agent.socket}`,
    `router    ${agent.router_pid === null ? "not running" : `process ${agent.router_pid}`}`,
    `clusters  ${agent.clusters}`,
  ].join("\n");
}
