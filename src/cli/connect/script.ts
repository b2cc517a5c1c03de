/** SQL from -c or stdin without psql: results on stdout, errors on stderr, exit codes as psql's. */
import type { CommandContext } from "../context.ts";
import { renderResult, renderSqlError } from "./render.ts";
import { endsSession, openSession, type ResultSet, type Session } from "./session.ts";
import { splitStatements } from "./statements.ts";
import type { Target } from "./target.ts";

/** The server takes each -c as one; a script statement by statement. Both go on up to the first error. */
type Script = { readonly commands: readonly string[] } | { readonly script: string };

/** @returns 0 done, 1 the SQL of -c failed, 2 no connection, 3 a script failed */
export async function runScript(context: CommandContext, target: Target, script: Script): Promise<0 | 1 | 2 | 3> {
  let session: Session;
  try {
    session = await openSession(target, (text) => process.stderr.write(`${text}\n`));
  } catch (error) {
    return tellFailure(
      context,
      `connection to ${target.name} failed: ${error instanceof Error ? error.message : String(error)}`,
      2,
    );
  }
  let isLost = false;
  session.onLost(() => (isLost = true));
  const done: ResultSet[] = [];
  let current = "";
  try {
    for (current of partsOf(script)) {
      const results = await session.query(current);
      done.push(...results);
      if (!context.flags.json) for (const result of results) process.stdout.write(`${renderResult(result)}\n`);
    }
    if (context.flags.json) process.stdout.write(`${JSON.stringify(done.map(toDocument), undefined, 2)}\n`);
    return 0;
  } catch (error) {
    return tellFailure(
      context,
      renderSqlError(error, current),
      isLost || endsSession(error) ? 2 : "commands" in script ? 1 : 3,
    );
  } finally {
    await session.end().catch(() => {});
  }
}

function partsOf(script: Script): readonly string[] {
  if ("commands" in script) return script.commands;
  const { statements, rest } = splitStatements(script.script);
  return rest === "" ? statements : [...statements, rest];
}

function tellFailure<T extends number>(context: CommandContext, text: string, exitCode: T): T {
  process.stderr.write(`${text}\n`);
  const message = (text.split("\n")[0] ?? text).replace(/^[A-Z]+: {2}/, "");
  if (context.flags.json)
    process.stdout.write(`${JSON.stringify({ error: { code: "sql", message } }, undefined, 2)}\n`);
  return exitCode;
}

/** Values stay the text that Postgres wrote, so that no figure loses digits on its way. */
function toDocument({ tag, columns, rows }: ResultSet) {
  return { command: tag, columns: columns.map((column) => column.name), rows };
}
