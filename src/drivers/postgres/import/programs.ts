/**
 * pg_dump, pg_restore and psql at work for an import. Called by installation/imports. Arguments and environments carry
 * no password: that is in a file which only this user reads. The first real error is what is told, with the object's
 * name, and not what follows from it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { OpError } from "../../../errors/op-error.ts";
import { redact } from "../../../log/redact.ts";
import { formatConninfo } from "../configuration/quote.ts";
import type { SessionTarget } from "../session/session.ts";
import { quoted, shown, type SourceTable } from "./look.ts";
import type { ClientTools } from "./tools.ts";
import { importRole } from "./target.ts";

export interface Programs {
  readonly tools: ClientTools;
  /** of this import alone, 0700 */
  readonly directory: string;
  /** of the source, without its password */
  readonly conninfo: string;
  /** names the file with the password */
  readonly passfile: Readonly<Record<string, string>>;
  /** `SQL_ASCII` when the source has it: then nothing is converted */
  readonly encoding: string;
  readonly snapshot: string;
  readonly signal: AbortSignal;
}

const sameForms = "-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3";
const sourceOptions = `${sameForms} -c row_security=off -c statement_timeout=0 -c idle_in_transaction_session_timeout=0`;
/** What is written is acknowledged by the voters all together at the end. */
const targetOptions = `${sameForms} -c synchronous_commit=local -c statement_timeout=0 -c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1 -c search_path=`;
const outputMax = 256 * 1024;

/**
 * Schema, large objects, sequences and what extensions keep.
 * @param tables whose rows go another way; all: those of extensions and the values of sequences too
 */
export async function dumpArchive(programs: Programs, tables: readonly SourceTable[] | "all"): Promise<void> {
  const { tools, directory, conninfo, snapshot } = programs;
  const args = [
    "--format=custom",
    "--compress=1",
    ...noSuch,
    ...(snapshot === "" ? [] : [`--snapshot=${snapshot}`]),
    `--file=${join(directory, "archive")}`,
    ...(tables === "all" ? ["*.*"] : tables.map(pattern)).map((rows) => `--exclude-table-data=${rows}`),
    `--dbname=${conninfo}`,
  ];
  await run(programs, tools.pgDump, args, sourceEnvironment(programs));
}

const noSuch = [
  "--no-owner",
  "--no-privileges",
  "--no-tablespaces",
  "--no-publications",
  "--no-subscriptions",
  "--no-security-labels",
];

/** Names in quotes are taken as they are, but for the quote itself. Source: Postgres manual, psql "Patterns". */
function pattern({ schema, name }: SourceTable): string {
  return [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
}

export type Wanted = (line: string) => boolean;

/** Writes the list of what is restored from the archive; lines that are not `wanted` are left out. */
export async function chooseEntries(programs: Programs, wanted: Wanted): Promise<void> {
  const archive = join(programs.directory, "archive");
  const { stdout } = await run(programs, programs.tools.pgRestore, ["--list", archive], {}, 64 * 1024 * 1024);
  const lines = stdout.split("\n").filter((line) => line.startsWith(";") || wanted(line));
  await writeFile(join(programs.directory, "list"), lines.join("\n"), { mode: 0o600 });
}

export async function restore(
  programs: Programs,
  { target, database }: { readonly target: SessionTarget; readonly database: string },
  section: "pre-data" | "data" | "post-data",
  jobs = 1,
): Promise<void> {
  const args = [
    "--exit-on-error",
    `--section=${section}`,
    `--use-list=${join(programs.directory, "list")}`,
    `--role=${importRole}`,
    ...noSuch,
    ...(jobs > 1 ? [`--jobs=${jobs}`] : []),
    `--dbname=${targetConninfo(target, database)}`,
    join(programs.directory, "archive"),
  ];
  await run(programs, programs.tools.pgRestore, args, targetEnvironment(programs));
}

/** One table from the source's snapshot; empty before, whatever is in it. @throws OpError import-failed, naming it */
export async function copyTable(
  programs: Programs,
  { target, database }: { readonly target: SessionTarget; readonly database: string },
  table: SourceTable,
): Promise<void> {
  const name = quoted(table);
  const columns = table.columns.length === 0 ? "" : ` (${table.columns.map(quotedName).join(", ")})`;
  const commands = (...sql: readonly string[]) => sql.flatMap((statement) => ["-c", statement]);
  const psql = ["-qXAt", "-v", "ON_ERROR_STOP=1"];
  const from = [
    ...psql,
    `--dbname=${programs.conninfo}`,
    ...commands(
      "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
      `SET TRANSACTION SNAPSHOT '${programs.snapshot}'`,
      `COPY ${name}${columns} TO STDOUT`,
    ),
  ];
  const into = [
    ...psql,
    `--dbname=${targetConninfo(target, database)}`,
    ...commands("BEGIN", `TRUNCATE ONLY ${name}`, `COPY ${name}${columns} FROM STDIN WITH (FREEZE)`, "COMMIT"),
  ];
  programs.signal.throwIfAborted();
  const reader = start(programs, programs.tools.psql, from, sourceEnvironment(programs), "ignore");
  const writer = start(programs, programs.tools.psql, into, targetEnvironment(programs), reader.stdout ?? "ignore");
  // The two talk to each other; this process is no part of it.
  reader.stdout?.destroy();
  const [read, written] = await Promise.all([ended(programs, reader), ended(programs, writer)]);
  programs.signal.throwIfAborted();
  // Where the writing failed, the reading did because of it.
  const failed = written.code !== 0 ? written : read;
  if (failed.code === 0) return;
  throw new OpError("import-failed", {
    message: `table "${shown(table)}" could not be copied: ${firstError(failed.stderr)}`,
    detail: detailOf(failed.stderr, failed === written ? "cluster" : "source"),
  });
}

/** In words of the server that died, or of the client that had nobody to talk to any more. */
const lostWords =
  /server closed the connection unexpectedly|unexpected postmaster exit|because of crash of another server process|connection to server .* failed/;

function detailOf(stderr: string, side: "cluster" | "source"): string {
  if (lostWords.test(stderr))
    return side === "cluster"
      ? "The primary was lost while it was written to."
      : "The source was lost while it was read.";
  return side === "cluster" ? "This cluster refused it." : "The source refused it.";
}

function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function targetConninfo({ socketDirectory, port }: SessionTarget, database: string): string {
  return formatConninfo({ host: socketDirectory, port, user: "matriarch", dbname: database });
}

type Environment = Readonly<Record<string, string>>;

function sourceEnvironment({ passfile, encoding }: Programs): Environment {
  return { ...passfile, PGOPTIONS: sourceOptions, PGCLIENTENCODING: encoding, PGAPPNAME: "matriarch import" };
}

function targetEnvironment({ passfile, encoding }: Programs): Environment {
  return { ...passfile, PGOPTIONS: targetOptions, PGCLIENTENCODING: encoding, PGAPPNAME: "matriarch import" };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  programs: Programs,
  program: string,
  args: readonly string[],
  environment: Environment,
  stdin: "ignore" | Readable,
): ChildProcess {
  return spawn(program, args, {
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", HOME: programs.directory, ...environment },
    cwd: programs.directory,
    stdio: [stdin, "pipe", "pipe"],
  });
}

async function run(
  programs: Programs,
  program: string,
  args: readonly string[],
  environment: Environment,
  keep = outputMax,
): Promise<Ended> {
  programs.signal.throwIfAborted();
  const result = await ended(programs, start(programs, program, args, environment, "ignore"), keep);
  programs.signal.throwIfAborted();
  if (result.code === 0) return result;
  throw new OpError("import-failed", { message: firstError(result.stderr) || `${program} failed` });
}

async function ended({ signal }: Programs, child: ChildProcess, keep = outputMax): Promise<Ended> {
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    const stream = child[name];
    if (stream === null || stream.destroyed) continue;
    stream.setEncoding("utf8");
    // The beginning is kept: what comes first is what was wrong first.
    stream.on("data", (chunk: string) => (texts[name] += chunk.slice(0, Math.max(0, keep - texts[name].length))));
  }
  const kill = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", kill, { once: true });
  try {
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  } finally {
    signal.removeEventListener("abort", kill);
  }
  return { code: child.exitCode, ...texts };
}

const entryLine = /from TOC entry \d+; \d+ \d+ (.+)$/;

/** What went wrong first, in the server's words, with the object that it was about; no data and no statements. */
export function firstError(stderr: string): string {
  const lines = stderr.split("\n");
  const at = lines.findIndex((line) => /(?:^|: )(?:error|fatal|ERROR|FATAL):/.test(line));
  if (at < 0) return redact(lines.find((line) => line.trim() !== "")?.trim() ?? "");
  const entry = lines
    .slice(0, at)
    .toReversed()
    .find((line) => entryLine.test(line));
  const said = (lines[at] ?? "")
    .replace(/^pg_\w+: (?:error|fatal): /, "")
    .replace(/^psql: error: /, "")
    .replace(/^could not execute query: /, "")
    .replace(/^(?:ERROR|FATAL): +/, "")
    .trim();
  const detail = lines.slice(at + 1).find((line) => /^(DETAIL|CONTEXT): /.test(line));
  const where = detail?.startsWith("CONTEXT") ? ` (${detail.replace(/^CONTEXT: +/, "").replace(/: ".*$/, "")})` : "";
  const object = entry === undefined ? "" : `${objectOf(entry)}: `;
  return redact(`${object}${said}${where}`);
}

/** `TABLE public orders owner` → `TABLE public orders` */
function objectOf(line: string): string {
  const words = (entryLine.exec(line)?.[1] ?? "").split(" ");
  return words.slice(0, -1).join(" ");
}
