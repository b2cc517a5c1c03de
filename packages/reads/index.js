/**
 * For HTTP servers in several regions: reads go to a replica near by, a request that writes is replayed in the primary
 * region, and whoever has written reads what they wrote. No dependencies; pools are node-postgres', or look like them.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const readMethods = new Set(["GET", "HEAD", "OPTIONS"]);
const readOnlyTransaction = "25006";
const lsnText = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i;
const betweenLooksMs = 10;

const hasReplayed = `SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
  ELSE pg_catalog.pg_current_wal_insert_lsn() END >= $1::pg_catalog.pg_lsn AS is_there`;

/** The header of Fly's proxy: it sends the request again, to a machine of that region. */
export function flyReplay(region) {
  return { "fly-replay": `region=${region}` };
}

/** What a server says when a session that may only read is told to write. */
export function isReadOnlyError(error) {
  return error?.code === readOnlyTransaction;
}

export function createReads(given) {
  const options = {
    region: process.env.FLY_REGION,
    primaryRegion: process.env.PRIMARY_REGION,
    replay: flyReplay,
    replayedHeader: "fly-replay-src",
    waitMs: 1000,
    cookie: "matriarch-lsn",
    cookieSeconds: 600,
    ...given,
  };
  const { region, primaryRegion } = options;
  const isAway = region !== undefined && primaryRegion !== undefined && region !== primaryRegion;

  /** Once is enough: where it comes back from there, the primary has moved, and the error is for the client. */
  const mayReplay = (header) => isAway && header(options.replayedHeader) === undefined;
  const replay = () => ({ status: 409, headers: options.replay(primaryRegion) });

  /** @returns what to answer at once, or the request's database */
  const begin = ({ method, header, setCookie }) => {
    if (!readMethods.has(method) && mayReplay(header)) return { replay: replay() };
    return { db: database(options, readCookie(options, header("cookie")), setCookie) };
  };
  const afterError = (error, header) => (isReadOnlyError(error) && mayReplay(header) ? replay() : undefined);

  return {
    begin,
    afterError,
    express: () => expressHandlers(begin, afterError),
    fastify: fastifyPlugin(begin, afterError),
    hono: () => honoMiddleware(begin, afterError),
  };
}

/** One request's way to the database. */
function database({ primary, read, waitMs, ...options }, lsnOfCookie, setCookie) {
  let lsn = lsnOfCookie;
  const wrote = async (client) => {
    const { rows } = await client.query("SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS lsn");
    lsn = later(lsn, rows[0].lsn);
    setCookie(formatCookie(options, lsn));
  };
  return {
    /** Reads, from a replica that has all that this user has written; from the primary when none has it in time. */
    async query(text, values) {
      if (lsn === undefined) return read.query(text, values);
      const fresh = await withClient(read, async (client) =>
        (await comesTo(client, lsn, waitMs)) ? { result: await client.query(text, values) } : undefined,
      );
      return fresh
        ? fresh.result
        : withClient(primary, (client) => transaction(client, "READ ONLY", () => client.query(text, values)));
    },
    /** Writes: one statement, or a function that gets a client inside a transaction. */
    write(work, values) {
      return withClient(primary, async (client) => {
        const result =
          typeof work === "function"
            ? await transaction(client, "READ WRITE", () => work(client))
            : await client.query(work, values);
        await wrote(client);
        return result;
      });
    },
  };
}

async function withClient(pool, work) {
  const client = await pool.connect();
  let failed;
  try {
    return await work(client);
  } catch (error) {
    failed = error;
    throw error;
  } finally {
    // A session that has failed otherwise than by a statement's own error is not used again.
    client.release(failed !== undefined && !/^[0-9A-Z]{5}$/.test(failed.code ?? ""));
  }
}

async function transaction(client, mode, work) {
  await client.query(`BEGIN ${mode}`);
  try {
    const result = await work();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

/** Asked of the session that then reads: another one may be on another replica. */
async function comesTo(client, lsn, waitMs) {
  const end = performance.now() + waitMs;
  for (;;) {
    const { rows } = await client.query(hasReplayed, [lsn]);
    if (rows[0].is_there) return true;
    if (performance.now() >= end) return false;
    await sleep(betweenLooksMs);
  }
}

function later(a, b) {
  return a === undefined || numberOf(b) > numberOf(a) ? b : a;
}

function numberOf(lsn) {
  const [high, low] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

function formatCookie({ cookie, cookieSeconds, secret, secure }, lsn) {
  const value = lsn.replace("/", "-");
  const signed = secret === undefined ? value : `${value}.${sign(secret, value)}`;
  return `${cookie}=${signed}; Path=/; Max-Age=${cookieSeconds}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}

/** Anybody can send anything: what is no position, or not signed as ours are, is no cookie. */
function readCookie({ cookie, secret }, header = "") {
  for (const part of header.split(";")) {
    const [name, given = ""] = part.trim().split("=");
    if (name !== cookie) continue;
    const [value = "", signature = ""] = given.split(".");
    if (secret !== undefined && !same(signature, sign(secret, value))) continue;
    const lsn = value.replace("-", "/");
    if (lsnText.test(lsn)) return lsn;
  }
  return undefined;
}

function sign(secret, value) {
  return createHmac("sha256", secret).update(value).digest("base64url").slice(0, 22);
}

function same(a, b) {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** `app.use(on)` before the routes, `app.use(errors)` after them. */
function expressHandlers(begin, afterError) {
  const answer = (response, { status, headers }) => response.status(status).set(headers).end();
  return {
    on(request, response, next) {
      const begun = begin({
        method: request.method,
        header: (name) => request.headers[name],
        setCookie: (cookie) => putCookie(response, cookie),
      });
      if (begun.replay) return answer(response, begun.replay);
      request.db = begun.db;
      next();
    },
    errors(error, request, response, next) {
      const replay = response.headersSent ? undefined : afterError(error, (name) => request.headers[name]);
      if (replay) answer(response, replay);
      else next(error);
    },
  };
}

/** Each write of a request replaces the cookie of the one before, and no other's. */
function putCookie(response, cookie) {
  const name = cookie.slice(0, cookie.indexOf("=") + 1);
  const others = [response.getHeader("set-cookie") ?? []].flat().filter((other) => !String(other).startsWith(name));
  response.setHeader("set-cookie", [...others, cookie]);
}

/** `app.register(reads.fastify)` */
function fastifyPlugin(begin, afterError) {
  const plugin = async (app) => {
    app.decorateRequest("db", null);
    app.addHook("onRequest", async (request, reply) => {
      const begun = begin({
        method: request.method,
        header: (name) => request.headers[name],
        setCookie: (cookie) => putCookie(reply.raw, cookie),
      });
      if (begun.replay) return reply.code(begun.replay.status).headers(begun.replay.headers).send();
      request.db = begun.db;
    });
    const before = app.errorHandler;
    app.setErrorHandler((error, request, reply) => {
      const replay = afterError(error, (name) => request.headers[name]);
      if (replay) return reply.code(replay.status).headers(replay.headers).send();
      return before(error, request, reply);
    });
  };
  // Hooks hold for the whole server, as if they were written there.
  plugin[Symbol.for("skip-override")] = true;
  return plugin;
}

/** `app.use(reads.hono())`; handlers have `c.get("db")`. */
function honoMiddleware(begin, afterError) {
  return async (c, next) => {
    const header = (name) => c.req.header(name);
    let cookie;
    const begun = begin({ method: c.req.method, header, setCookie: (text) => (cookie = text) });
    const answer = ({ status, headers }) => c.body(null, status, headers);
    if (begun.replay) return answer(begun.replay);
    c.set("db", begun.db);
    await next();
    const replay = c.error && afterError(c.error, header);
    if (replay) c.res = answer(replay);
    else if (cookie !== undefined) c.header("set-cookie", cookie, { append: true });
  };
}
