/**
 * Who may log in to a cluster, with what Postgres keeps of their passwords: read again and again on the primary, for this
 * host's pooler. One session that stays open, for beginning one would count as use of a cluster that is to fall asleep.
 * Fits majors 14 to 18.
 */
import { Session, type Row, type SessionTarget } from "../session/session.ts";

const withinMs = 2000;

const logins = `
FROM pg_catalog.pg_authid AS r
WHERE r.rolcanlogin AND r.rolpassword IS NOT NULL
  AND (r.rolvaliduntil IS NULL OR r.rolvaliduntil > pg_catalog.clock_timestamp())
  AND r.rolname NOT IN ('matriarch', 'matriarch_replication')`;

/** The same as long as nobody has changed any of them; in whatever order they are read. */
const mark = `
SELECT pg_catalog.sum(pg_catalog.hashtextextended(r.rolname || ' ' || r.rolpassword, 0)) AS mark ${logins}`;

const all = `SELECT r.rolname AS name, r.rolpassword AS verifier ${logins} ORDER BY r.rolname`;

export interface Login {
  readonly name: string;
  readonly verifier: string;
}

export class LoginReader {
  #session: Session | undefined;
  #target = "";
  #mark: string | undefined;

  /** @returns undefined: nothing has changed since the last time. @throws when the server does not answer */
  async read(target: SessionTarget): Promise<readonly Login[] | undefined> {
    const session = await this.#sessionAt(target);
    const [now] = await session.query(mark, [], { withinMs, name: "matriarch_logins_mark" });
    const said = now?.["mark"] ?? "none";
    if (said === this.#mark) return undefined;
    const rows = await session.query(all, [], { withinMs, name: "matriarch_logins" });
    this.#mark = said;
    return rows.map(loginOf);
  }

  /** What was read was not put to use. */
  forget(): void {
    this.#mark = undefined;
  }

  /** Without this the next read would find it as it was. */
  close(): void {
    void this.#session?.close();
    this.#session = undefined;
  }

  /** Another server, or one that was started anew, may say something else. */
  async #sessionAt(target: SessionTarget): Promise<Session> {
    const key = `${target.socketDirectory}:${target.port}`;
    if (this.#session?.isOpen && key === this.#target) return this.#session;
    this.close();
    this.#mark = undefined;
    this.#target = key;
    this.#session = await Session.open(target, { withinMs, applicationName: "matriarch pooler" });
    return this.#session;
  }
}

function loginOf(row: Row): Login {
  return { name: row["name"] ?? "", verifier: row["verifier"] ?? "" };
}
