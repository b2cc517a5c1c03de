/** The pooled endpoint for a person: what it is set to, and who waits for what. */
import type { PoolOnHost, PoolStatus } from "../../contract/pool.ts";
import { formatDuration } from "../../contract/units.ts";
import { labelled } from "./labelled.ts";
import type { Paint, Tone } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

interface Row extends Omit<PoolOnHost["pools"][number], never> {
  readonly host: string;
}

/** @param terminal its columns; undefined where it is none */
export function renderPool(status: PoolStatus, paint: Paint, terminal: number | undefined): string {
  const { cluster, endpoint } = status;
  const names = [...status.hosts, ...status.missing].map(({ host }) => host);
  const width = Math.max("servers".length, ...names.map((name) => name.length)) + 3;
  const line = (name: string, text: string, tone: Tone = "plain") =>
    labelled({ label: name.padEnd(width), text, tone }, paint, terminal);
  if (!status.on || endpoint === null)
    return [
      `${paint("strong", cluster)} has no pooled endpoint. Turn it on with: matriarch pool set ${cluster} --on`,
      "What it would be set to, changes included:",
      ...settingLines(status, line),
    ].join("\n");
  const rows = status.hosts.flatMap(({ host, pools }) => pools.map((pool) => ({ ...pool, host })));
  return [
    line("pooled", `${endpoint.host}:${endpoint.port}`),
    ...settingLines(status, line),
    ...status.hosts.map((host) => line(host.host, hostWords(host))),
    ...status.missing.map(({ host, reason }) => line(host, reason, "warn")),
    "",
    rows.length === 0
      ? "No client has come yet."
      : renderTable(columns(status.hosts.length > 1), rows, paint, terminal),
  ].join("\n");
}

function settingLines(status: PoolStatus, line: (name: string, text: string) => string): readonly string[] {
  return [
    line("mode", modeWords[status.mode]),
    line("servers", serverWords(status)),
    line("clients", `up to ${status.max_clients} on each host; one waits ${formatDuration(status.wait_ms)} at most`),
  ];
}

const modeWords: Readonly<Record<PoolStatus["mode"], string>> = {
  transaction: "transaction: a server for each transaction",
  session: "session: a server for as long as a client stays",
  statement: "statement: a server for each statement",
};

function serverWords({ size, reserve, servers_max: most, max_connections: connections }: PoolStatus): string {
  const inReserve = reserve === 0 ? "" : ` and ${reserve} in reserve`;
  return `${size}${inReserve} for each user and database, ${most} in all on each host (max_connections ${connections})`;
}

function hostWords({ state, trouble, version, clients, pools }: PoolOnHost): string {
  if (state === "failed") return `does not serve: ${trouble ?? "unknown"}`;
  if (state === "starting") return "starting";
  const waiting = pools.reduce((sum, pool) => sum + pool.clients_waiting, 0);
  const holding = state === "holding" ? "; clients wait for the primary to move" : "";
  return `PgBouncer ${version}, ${clients} client${clients === 1 ? "" : "s"}, ${waiting} waiting${holding}`;
}

function columns(hasHosts: boolean): readonly Column<Row>[] {
  const count = (heading: string, of: (row: Row) => number): Column<Row> => ({
    heading,
    align: "right",
    cell: (row) => String(of(row)),
  });
  return [
    ...(hasHosts ? [{ heading: "HOST", cell: ({ host }: Row) => host }] : []),
    { heading: "DATABASE", cell: ({ database }) => database },
    { heading: "USER", cell: ({ user }) => user },
    count("CLIENTS", ({ clients_active: active }) => active),
    count("WAITING", ({ clients_waiting: waiting }) => waiting),
    { heading: "WAIT", align: "right", cell: ({ wait_ms: ms }) => (ms === 0 ? "-" : `${Math.round(ms)} ms`) },
    count("BUSY SERVERS", ({ servers_active: active }) => active),
    count("IDLE", ({ servers_idle: idle, servers_other: other }) => idle + other),
  ];
}
