/** What programs and connection strings say, read back: the first error, the source of a subscription, what to install. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { firstError } from "./programs.ts";
import { conninfoWithPassword } from "./source.ts";
import { parseConninfo } from "./subscription.ts";
import { aptCommand, chooseTools, restoresInto } from "./tools.ts";

const tools = (major: number) => ({ major, pgDump: "", pgRestore: "", psql: "" });

describe("words of an import's programs", () => {
  test("the first error, with its object, without statements and values", () => {
    const restored = `pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 215; 1259 16391 TABLE public orders boss
pg_restore: error: could not execute query: ERROR:  type "public.mood" does not exist
LINE 3:     mood public.mood
Command was: CREATE TABLE public.orders (secret text);
pg_restore: error: something that followed`;
    assert.equal(firstError(restored), 'TABLE public orders: type "public.mood" does not exist');
    const copied = `ERROR:  invalid byte sequence for encoding "UTF8": 0xe4
CONTEXT:  COPY people, line 3, column name: "M\\xe4rz"`;
    assert.equal(
      firstError(copied),
      'invalid byte sequence for encoding "UTF8": 0xe4 (COPY people, line 3, column name)',
    );
    assert.equal(
      firstError('psql: error: connection to server at "h" failed: FATAL:  no'),
      'connection to server at "h" failed: FATAL:  no',
    );
    assert.equal(firstError("Segmentation fault\n"), "Segmentation fault");
    assert.equal(firstError(""), "");
  });

  test("a subscription's source is read as it was written", () => {
    const server = {
      host: "db.example.com",
      port: 5433,
      user: `o'brien \\ "x"`,
      password: `'\\ =%:"ü`,
      database: "Old Shop",
      parameters: { sslmode: "require", options: "-c a=b" },
    };
    assert.deepEqual(parseConninfo(conninfoWithPassword(server)), server);
  });

  test("the oldest programs that read the source, and where to get them", () => {
    assert.equal(chooseTools([tools(18), tools(16), tools(15)], 16)?.major, 16);
    assert.equal(chooseTools([tools(15)], 16), undefined);
    assert.equal(restoresInto(tools(17), 16), false);
    assert.equal(restoresInto(tools(17), 18), true);
    assert.equal(aptCommand("debian 12", 14), "apt-get install -y postgresql-client-15");
    assert.match(
      aptCommand("debian 12", 17),
      /apt\.postgresql\.org\.sh -y && apt-get install -y postgresql-client-17$/,
    );
  });
});
