/**
 * Where one SQL statement ends and the next begins, as psql sees it: at a semicolon outside of quotes, dollar quotes,
 * comments and parentheses. Pure. Source: Postgres manual, 4.1 (lexical structure).
 */

export interface Split {
  /** complete statements, without their semicolons */
  readonly statements: readonly string[];
  /** what has no semicolon yet */
  readonly rest: string;
}

export function splitStatements(sql: string): Split {
  const statements: string[] = [];
  let from = 0;
  let depth = 0;
  for (let at = 0; at < sql.length;) {
    const skipped = skipQuoted(sql, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const letter = sql.charAt(at);
    if (letter === "(") depth += 1;
    if (letter === ")") depth = Math.max(0, depth - 1);
    if (letter === ";" && depth === 0) {
      const statement = sql.slice(from, at).trim();
      if (hasSql(statement)) statements.push(statement);
      from = at + 1;
    }
    at += 1;
  }
  const rest = sql.slice(from);
  return { statements, rest: hasSql(rest) ? rest : "" };
}

/** Whether anything but space and comments is in it. */
function hasSql(text: string): boolean {
  for (let at = 0; at < text.length;) {
    const skipped = skipComment(text, at);
    if (skipped > at) at = skipped;
    else if (/\s/.test(text.charAt(at))) at += 1;
    else return true;
  }
  return false;
}

/** Behind the quote or comment that begins at `at`, or `at` itself. One that does not end goes to the end of the text. */
function skipQuoted(sql: string, at: number): number {
  const letter = sql.charAt(at);
  if (letter === "'") return skipString(sql, at, isEscapeString(sql, at));
  if (letter === '"') return skipUntil(sql, at + 1, '"');
  if (letter === "$") return skipDollar(sql, at);
  return skipComment(sql, at);
}

function skipComment(sql: string, at: number): number {
  if (sql.startsWith("--", at)) return skipUntil(sql, at, "\n");
  if (!sql.startsWith("/*", at)) return at;
  let depth = 1;
  let next = at + 2;
  while (next < sql.length && depth > 0) {
    if (sql.startsWith("/*", next)) depth += 1;
    else if (sql.startsWith("*/", next)) depth -= 1;
    else {
      next += 1;
      continue;
    }
    next += 2;
  }
  return depth > 0 ? sql.length + 1 : next;
}

/** A doubled quote ends one string and begins the next at once, so it needs no care. */
function skipString(sql: string, at: number, escapes: boolean): number {
  for (let next = at + 1; next < sql.length; next += 1) {
    if (escapes && sql.charAt(next) === "\\") next += 1;
    else if (sql.charAt(next) === "'") return next + 1;
  }
  return sql.length + 1;
}

/** `E'…'`, but not the end of a longer word. */
function isEscapeString(sql: string, at: number): boolean {
  return /[eE]/.test(sql.charAt(at - 1)) && !/[\w$]/.test(sql.charAt(at - 2));
}

function skipDollar(sql: string, at: number): number {
  if (/[\w$]/.test(sql.charAt(at - 1))) return at;
  const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(sql.slice(at, at + 130))?.[0];
  return tag === undefined ? at : skipUntil(sql, at + tag.length, tag);
}

function skipUntil(sql: string, from: number, end: string): number {
  const found = sql.indexOf(end, from);
  return found < 0 ? sql.length + 1 : found + end.length;
}
