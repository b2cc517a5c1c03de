/** What `create` says at the end: what it made and what that does not survive, how to reach it, what to type next. */
import type { ClusterStatus, Connection } from "../../contract/cluster.ts";
import type { Paint } from "./paint.ts";
import { ruleWords } from "./words.ts";

export interface Made {
  readonly status: ClusterStatus;
  readonly connection: Connection;
  readonly survives: readonly string[];
  readonly doesNotSurvive: readonly string[];
}

export function renderCreated({ status, connection, survives, doesNotSurvive }: Made, paint: Paint): string {
  const { name, members } = status;
  const hosts = [...new Set(members.map((member) => member.host))];
  const count = members.length === 1 ? "one member" : `${members.length} members`;
  return [
    `${paint("good", "Made")} ${paint("strong", name)}: Postgres ${status.version}, ${count} on ${hosts.join(", ")}`,
    `  members     ${members.map((member) => `${member.id} (${member.is_read_replica ? "read replica" : member.role}${hosts.length > 1 ? ` on ${member.host}` : ""})`).join(", ")}`,
    `  durability  ${ruleWords(status)}`,
    // On one host the list would only say what any of them does.
    ...(hosts.length > 1 ? survives : []).map((item) => `  ${paint("good", "survives")}    ${item}`),
    ...doesNotSurvive.map((item) => `  ${paint("warn", "does not survive")} ${item}`),
    "",
    connectLines(connection, name),
    "",
    "Next:",
    ...nextLines(name, members.length, paint),
  ].join("\n");
}

export function connectLines(connection: Connection, cluster: string): string {
  const note =
    connection.password === null
      ? `The password was shown when it was made; "matriarch user rotate ${cluster}" makes a new one.`
      : `The password is shown only now; "matriarch user rotate ${cluster}" makes a new one.`;
  return `  ${connection.uri}\n${note}`;
}

function nextLines(name: string, members: number, paint: Paint): readonly string[] {
  const next = nextCommands(name, members);
  const width = Math.max(32, ...next.map(([line]) => line.length));
  return next.map(([line, what]) => `  ${line.padEnd(width)}  ${paint("dim", what)}`);
}

/** The three commands that are worth knowing first. */
function nextCommands(name: string, members: number): readonly (readonly [string, string])[] {
  const third: readonly [string, string] =
    members > 1
      ? [`matriarch switchover ${name}`, "move the primary in under a second"]
      : [`matriarch scale ${name} --members 3`, "add standbys that take over"];
  return [
    [`matriarch connect ${name}`, "a SQL prompt"],
    [`matriarch status ${name} --watch`, "watch it, even as you kill its primary"],
    third,
  ];
}
