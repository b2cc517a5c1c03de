/** One session with Postgres for the prompt and for scripts: text in, text out, as psql would show it. */
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import pg from "pg";

import type { Target } from "./target.ts";

export interface ResultSet {
  /** the server's own word for what was done: `INSERT 0 1` */
  readonly tag: string;
  readonly columns: readonly { readonly name: string; readonly isNumber: boolean }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface Session {
  /** `true` while a transaction is open, also a failed one */
  readonly inTransaction: "no" | "open" | "failed";
  readonly processId: number;
  query(sql: string): Promise<readonly ResultSet[]>;
  /** Called when the server ends the session. */
  onLost(listener: (error: Error) => void): void;
  end(): Promise<void>;
}

const connectWithinMs = 10_000;
/** int8, int2, int4, oid, float4, float8, money, numeric, xid, cid. Source: pg_type. */
const numberTypes = new Set([20, 21, 23, 26, 700, 701, 790, 1700, 28, 29]);

/** @param askPassword for a server that wants one that is neither in PGPASSWORD nor in ~/.pgpass; undefined: nobody can be asked */
export async function openSession(
  target: Target,
  notice: (text: string) => void,
  askPassword?: () => Promise<string>,
): Promise<Session> {
  try {
    return await open(target, notice, undefined);
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("client password must be a string"))) throw error;
    if (askPassword === undefined)
      throw new Error("no password supplied; give it in PGPASSWORD or ~/.pgpass", { cause: error });
    return open(target, notice, await askPassword());
  }
}

async function open(target: Target, notice: (text: string) => void, password: string | undefined): Promise<Session> {
  const client = new pg.Client({
    ...addressOf(target),
    ...(password === undefined ? {} : { password }),
    application_name: "matriarch connect",
    connectionTimeoutMillis: connectWithinMs,
    types: { getTypeParser: () => (value: string) => value },
  });
  const tags: string[] = [];
  let transaction = "I";
  let lost: (error: Error) => void = () => {};
  client.on("error", (error) => lost(error));
  client.on("notice", ({ severity, message }) => notice(`${severity ?? "NOTICE"}:  ${message ?? ""}`));
  listen(client, "commandComplete", "text", (text) => tags.push(text));
  listen(client, "readyForQuery", "status", (status) => (transaction = status));
  await client.connect();
  return {
    get inTransaction() {
      return transaction === "I" ? "no" : transaction === "T" ? "open" : "failed";
    },
    processId: Number(Reflect.get(client, "processID") ?? 0),
    async query(sql) {
      tags.length = 0;
      const answer: unknown = await client.query({ text: sql, rowMode: "array" });
      const results = Array.isArray(answer) ? answer : [answer];
      return results.map((result, at) => toResultSet(result, tags[at] ?? ""));
    },
    onLost: (listener) => (lost = listener),
    end: () => client.end(),
  };
}

function addressOf({ host, port, user, database, sslrootcert }: Target) {
  const tls =
    sslrootcert === undefined ? {} : { ssl: { ca: readFileSync(sslrootcert, "utf8"), rejectUnauthorized: true } };
  return { host, port, user, database, ...tls };
}

/** The library keeps no command tag longer than one word and no transaction state; the messages below it have both. */
function listen(client: pg.Client, event: string, field: string, heard: (value: string) => void): void {
  const wire: unknown = Reflect.get(client, "connection");
  if (!(wire instanceof EventEmitter)) return;
  wire.on(event, (message: unknown) => {
    const value: unknown = typeof message === "object" && message !== null ? Reflect.get(message, field) : undefined;
    if (typeof value === "string") heard(value);
  });
}

function toResultSet(result: pg.QueryArrayResult<(string | null)[]>, tag: string): ResultSet {
  const columns = result.fields.map(({ name, dataTypeID }) => ({ name, isNumber: numberTypes.has(dataTypeID) }));
  return { tag, columns, rows: result.rows };
}

/** Whether the session is over with this error: the server said FATAL, or it was no answer of a server at all. */
export function endsSession(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || error.severity === "FATAL" || error.severity === "PANIC";
}
