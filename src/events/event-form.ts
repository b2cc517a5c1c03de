/**
 * The form of the event file, migration by migration. Called by event-file.ts.
 *
 * `host` says who wrote a row ("" in an installation of one host) and `seq` is that host's own count, so that hosts can
 * have each other's rows. An operation has two rows, which may come from two hosts, in either order: its beginning and
 * steps, and its end.
 */
import type { DatabaseForm } from "../sqlite/database.ts";

const oneHost = `
  CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, cluster TEXT NOT NULL, member TEXT, type TEXT NOT NULL,
    level TEXT NOT NULL, message TEXT NOT NULL, cause TEXT, actor TEXT NOT NULL, duration_ms REAL, epoch INTEGER,
    details TEXT NOT NULL) STRICT;
  CREATE INDEX event_cluster ON event (cluster, id);
  CREATE TABLE operation (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, cluster TEXT NOT NULL, state TEXT NOT NULL, step TEXT NOT NULL,
    steps_done INTEGER NOT NULL, steps_total INTEGER, started_at INTEGER NOT NULL, ended_at INTEGER,
    by TEXT NOT NULL, result TEXT, error TEXT) STRICT;`;

const severalHosts = `
  ALTER TABLE event ADD COLUMN host TEXT NOT NULL DEFAULT '';
  ALTER TABLE event ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE event ADD COLUMN once TEXT;
  UPDATE event SET seq = id;
  CREATE UNIQUE INDEX event_seq ON event (host, seq);
  CREATE INDEX event_at ON event (at);
  CREATE INDEX event_once ON event (once, at) WHERE once IS NOT NULL;

  CREATE TABLE operation_end (
    id TEXT PRIMARY KEY, host TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, step TEXT,
    ended_at INTEGER NOT NULL, result TEXT, error TEXT) STRICT;
  INSERT INTO operation_end SELECT id, '', rowid, state, step, coalesce(ended_at, started_at), result, error
    FROM operation WHERE state <> 'running';
  CREATE TABLE operation_begun (
    id TEXT PRIMARY KEY, host TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, cluster TEXT NOT NULL,
    step TEXT NOT NULL, steps_done INTEGER NOT NULL, steps_total INTEGER, started_at INTEGER NOT NULL,
    by TEXT NOT NULL) STRICT;
  INSERT INTO operation_begun SELECT id, '', rowid, kind, cluster, step, steps_done, steps_total, started_at, by
    FROM operation ORDER BY rowid;
  DROP TABLE operation;
  CREATE INDEX operation_begun_seq ON operation_begun (host, seq);
  CREATE INDEX operation_end_seq ON operation_end (host, seq);

  CREATE TABLE head (host TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;`;

/** Of what lasts, for the agent after this one: see pause-marks.ts. */
const pauses = `
  CREATE TABLE pause_mark (
    cluster TEXT NOT NULL, kind TEXT NOT NULL, alive_at INTEGER, since INTEGER, why TEXT NOT NULL DEFAULT '',
    by TEXT NOT NULL DEFAULT '', PRIMARY KEY (cluster, kind)) STRICT;`;

/** See request-keys.ts. */
const requestKeys = `
  CREATE TABLE request_key (
    id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, begun_at INTEGER NOT NULL, sealed BLOB) STRICT;
  CREATE INDEX request_key_begun ON request_key (begun_at);`;

export const eventForm: DatabaseForm = {
  applicationId: 0x4d617445,
  what: "event file",
  synchronous: "NORMAL",
  migrations: [oneHost, severalHosts, pauses, requestKeys],
};
