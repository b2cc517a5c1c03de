/** A database with what real ones hold, for the tests of imports, and the questions whose answers must be the same here. */

export const richDatabase = `Old "Shop"`;

export const roles = ["CREATE ROLE old_app LOGIN", "CREATE ROLE auditor NOLOGIN", `CREATE ROLE "Odd Role" NOLOGIN`];

/** One statement each, in the database itself. */
export const schema: readonly string[] = [
  "CREATE SCHEMA ext",
  "CREATE EXTENSION pg_trgm SCHEMA ext",
  "CREATE EXTENSION hstore",
  `CREATE SCHEMA "My Schema"`,
  "CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s \"great\"')",
  "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
  `CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mood mood DEFAULT 'ok',
     tags hstore, name_length int GENERATED ALWAYS AS (length(name)) STORED)`,
  `CREATE TABLE "My Schema"."Order ""Lines""" ("Line No" serial PRIMARY KEY, customer bigint REFERENCES customers, "Qty" positive, note text)`,
  "CREATE TABLE measured (at date NOT NULL, value float8, PRIMARY KEY (at)) PARTITION BY RANGE (at)",
  "CREATE TABLE measured_old PARTITION OF measured FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
  "CREATE TABLE measured_new PARTITION OF measured FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')",
  "CREATE TABLE parent (id int PRIMARY KEY)",
  "CREATE TABLE child (extra text) INHERITS (parent)",
  "ALTER TABLE child ADD PRIMARY KEY (id)",
  "CREATE UNLOGGED TABLE cache (k text PRIMARY KEY, v text)",
  "CREATE TABLE nothing ()",
  `CREATE FUNCTION customer_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.customers'`,
  "CREATE VIEW happy AS SELECT id, name FROM customers WHERE mood <> 'sad'",
  "CREATE VIEW happier AS SELECT h.*, customer_count() AS all_of_them FROM happy h",
  "CREATE MATERIALIZED VIEW by_mood AS SELECT mood, count(*) AS n FROM customers GROUP BY mood",
  `CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := coalesce(NEW.note, '') || '!'; RETURN NEW; END$$`,
  `CREATE TRIGGER note_it BEFORE INSERT ON "My Schema"."Order ""Lines""" FOR EACH ROW EXECUTE FUNCTION note_it()`,
  "CREATE INDEX customers_name ON customers USING gin (name ext.gin_trgm_ops)",
  "CREATE INDEX customers_lower ON customers (lower(name)) WHERE mood <> 'sad'",
  "ALTER TABLE customers ENABLE ROW LEVEL SECURITY",
  `CREATE POLICY own ON customers FOR SELECT TO auditor, "Odd Role" USING (name <> '')`,
  "CREATE SEQUENCE invoices START 1000 INCREMENT 5",
  "CREATE AGGREGATE product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = '1')",
  "CREATE STATISTICS customer_stats ON name, mood FROM customers",
  "CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$",
  "CREATE EVENT TRIGGER watch_ddl ON ddl_command_end EXECUTE FUNCTION on_ddl()",
  "ALTER TABLE customers OWNER TO old_app",
  "GRANT SELECT ON customers TO auditor",
  "COMMENT ON TABLE customers IS 'people; DROP TABLE customers; --'",
];

export const data: readonly string[] = [
  `INSERT INTO customers (name, mood, tags) SELECT 'name ' || i || E'\\t\\\\ 象 "q"', (ARRAY['sad', 'ok', 'it''s "great"']::mood[])[i % 3 + 1], hstore('k', i::text) FROM generate_series(1, 5000) i`,
  `INSERT INTO "My Schema"."Order ""Lines""" (customer, "Qty") SELECT i, i % 9 + 1 FROM generate_series(1, 3000) i`,
  "INSERT INTO measured SELECT date '2020-01-01' + i, 0.1 * i FROM generate_series(0, 700) i",
  "INSERT INTO parent SELECT generate_series(1, 10)",
  "INSERT INTO child SELECT i, 'x' FROM generate_series(11, 15) i",
  "INSERT INTO cache VALUES ('a', 'b')",
  "INSERT INTO nothing DEFAULT VALUES",
  "REFRESH MATERIALIZED VIEW by_mood",
  "SELECT nextval('invoices') FROM generate_series(1, 7)",
  "SELECT lo_from_bytea(4711, decode('00ff' || repeat('ab', 5000), 'hex'))",
  "SELECT lo_from_bytea(0, convert_to('second', 'UTF8'))",
];

/** Each gives one row, and the same one on both sides. */
export const questions: readonly string[] = [
  "SELECT count(*), sum(id), md5(string_agg(name || mood::text || tags::text || name_length, ',' ORDER BY id)) FROM customers",
  `SELECT count(*), md5(string_agg(note, ',' ORDER BY "Line No")) FROM "My Schema"."Order ""Lines"""`,
  "SELECT count(*), sum(value), min(at), max(at) FROM measured",
  "SELECT count(*) FROM measured_new",
  "SELECT count(*), (SELECT count(*) FROM ONLY parent) FROM parent",
  "SELECT count(*) FROM nothing",
  "SELECT string_agg(mood || ':' || n, ',' ORDER BY mood::text) FROM by_mood",
  "SELECT max(all_of_them), count(*) FROM happier",
  "SELECT product(v) FROM (VALUES (2.0::float8), (3.5)) AS x(v)",
  "SELECT count(*), md5(string_agg(md5(lo_get(oid)), ',' ORDER BY oid)) FROM pg_largeobject_metadata",
  "SELECT nextval('invoices')",
  `SELECT nextval('"My Schema"."Order ""Lines""_Line No_seq"')`,
  "SELECT nextval(pg_get_serial_sequence('customers', 'id'))",
  "SELECT string_agg(polname || array_length(polroles, 1), ',') FROM pg_policy",
  "SELECT count(*) FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE contype IN ('p', 'f', 'c') AND nspname <> 'information_schema' AND nspname !~ '^pg_'",
  "SELECT string_agg(indexname, ',' ORDER BY indexname) FROM pg_indexes WHERE schemaname IN ('public', 'My Schema')",
  "SELECT string_agg(tgname, ',' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal",
  "SELECT string_agg(extname || ' ' || extnamespace::regnamespace, ',' ORDER BY extname) FROM pg_extension WHERE extname <> 'pg_stat_statements'",
  "SELECT relpersistence FROM pg_class WHERE relname = 'cache'",
  "SELECT obj_description('customers'::regclass)",
  "SELECT count(*) FROM pg_statistic_ext",
  "SELECT string_agg(evtname, ',') FROM pg_event_trigger",
];
