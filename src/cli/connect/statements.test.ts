/** Where statements end. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { splitStatements } from "./statements.ts";

const cases: readonly (readonly [sql: string, statements: readonly string[], rest: string])[] = [
  ["select 1; select 2;", ["select 1", "select 2"], ""],
  ["select 1; sel", ["select 1"], " sel"],
  [";;  ;", [], ""],
  ["-- only a comment;\n", [], ""],
  ["select 1 -- a; b\n;", ["select 1 -- a; b"], ""],
  ["select 'it''s; here';", ["select 'it''s; here'"], ""],
  ["select E'it\\'s; here';", ["select E'it\\'s; here'"], ""],
  ["select 'a\\'; select 2;", ["select 'a\\'", "select 2"], ""],
  ['select "a;b";', ['select "a;b"'], ""],
  ["do $$ begin; end $$;", ["do $$ begin; end $$"], ""],
  ["do $a$ $$;$$ $a$;", ["do $a$ $$;$$ $a$"], ""],
  ["select $1; select a$b$c;", ["select $1", "select a$b$c"], ""],
  ["/* ; /* ; */ ; */ select 1;", ["/* ; /* ; */ ; */ select 1"], ""],
  ["select (1; 2);", ["select (1; 2)"], ""],
  ["select 'open;", [], "select 'open;"],
  ["do $$ open;", [], "do $$ open;"],
  ["/* open;", [], ""],
];

for (const [sql, statements, rest] of cases) {
  test(`split: ${JSON.stringify(sql)}`, () => {
    assert.deepEqual(splitStatements(sql), { statements, rest });
  });
}
