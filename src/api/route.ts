/**
 * A route of the API, said once: its path, who may use it, what it takes and what it answers. From this come the check of
 * requests, the role check, the audit, and the OpenAPI document, so that none of them can differ from what is served. A
 * route is a constant; what it works on is given to its handler with each request. Every file in routes/ is a list of
 * them, and routes/all.ts the list of lists.
 */
import type { Context } from "hono";
import { z } from "zod";

import type { Asked } from "../contract/asked.ts";
import type { CertificatesInstallation } from "../contract/certificates.ts";
import type { HostsInstallation } from "../contract/host.ts";
import type { Installation } from "../contract/installation.ts";
import type { PeerApi } from "../contract/peer.ts";
import { nothingSchema } from "../contract/requests.ts";
import type { TokensInstallation } from "../contract/tokens.ts";
import type { Role } from "../domain/caller.ts";
import { asked, type ApiEnv } from "./access/caller.ts";
import type { AuditLog } from "./audit.ts";
import { readBody, readQuery } from "./input.ts";
import { contentId, stream, type Outlet } from "./stream.ts";
import type { TunnelBook } from "./tunnels/book.ts";

/** anyone: needs no name. host: only agents of the installation, for themselves. */
export type Access = Role | "host" | "anyone";

/** What routes work on. */
export interface ApiParts {
  readonly installation: Installation;
  /** undefined in an installation on one machine, as the next three */
  readonly hosts: HostsInstallation | undefined;
  readonly peer: PeerApi | undefined;
  readonly tokens: TokensInstallation | undefined;
  readonly certificates: CertificatesInstallation | undefined;
  readonly audit: AuditLog | undefined;
  readonly tunnels: TunnelBook;
}

type Method = "GET" | "POST" | "DELETE";
type Key = `${Method} /${string}`;
type NamesIn<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** What is known of a route without running it. */
export interface Route {
  readonly method: Method;
  /** as hono writes it: `/v1/clusters/:cluster` */
  readonly path: string;
  /** name of the operation in the document and in clients */
  readonly id: string;
  readonly role: Access;
  /** for people: one sentence */
  readonly does: string;
  readonly query: z.ZodType;
  /** undefined: none is read */
  readonly body: z.ZodType | undefined;
  /** of a stream: each of its documents */
  readonly answer: z.ZodType;
  readonly status: 200 | 201 | 202;
  /** tunnel: it becomes a connection when it is asked for as one. text: for programs that read no JSON */
  readonly form: "json" | "stream" | "tunnel" | "text";
  readonly handle: (c: Context<ApiEnv>, api: ApiParts) => Promise<Response>;
}

interface Said<Q extends z.ZodType, B extends z.ZodType> {
  readonly id: string;
  /** the least that is needed; what depends on more than the route is checked by its handler with `demand` */
  readonly role: Access;
  readonly does: string;
  /** left out: it takes no parameters, and refuses any */
  readonly query?: Q;
  /** of a POST; left out: it takes an empty one, or `{}` */
  readonly body?: B;
}

interface SaidOfJson<Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType> extends Said<Q, B> {
  /** left out: `{}` */
  readonly answer?: A;
  /** 200, unless said: 202 for an operation to follow */
  readonly status?: 200 | 201 | 202;
  readonly form?: "tunnel";
}

interface SaidOfStream<Q extends z.ZodType, A extends z.ZodType> extends Said<Q, typeof nothingSchema> {
  readonly document: A;
  /** only the newest document matters to a slow reader, or all of them */
  readonly keep: "all" | "newest";
  /** of what happened once; left out: of what is told as it stands, by its content */
  readonly idOf?: (document: z.output<A>) => string;
}

export interface Asking<K extends string, Q, B> {
  /** decoded */
  readonly path: Readonly<Record<NamesIn<K>, string>>;
  readonly query: Q;
  readonly body: B;
  readonly asked: Asked;
  readonly c: Context<ApiEnv>;
}

type Nothing = typeof nothingSchema;

/** A request and its answer. */
export function route<
  const K extends Key,
  Q extends z.ZodType = Nothing,
  B extends z.ZodType = Nothing,
  A extends z.ZodType = z.ZodType<void>,
>(
  key: K,
  said: SaidOfJson<Q, B, A>,
  answer: (asking: Asking<K, z.output<Q>, z.output<B>>, api: ApiParts) => Promise<z.output<A>>,
): Route {
  const known = whatIsKnown(key, said);
  const { body: given = nothingSchema, status = 200, answer: shape = nothingSchema } = said;
  const body = known.method === "POST" ? given : undefined;
  return {
    ...known,
    body,
    answer: shape,
    status,
    form: said.form ?? "json",
    handle: async (c, api) => {
      const asking = await readRequest(c, known.query, body);
      const document: unknown = await Reflect.apply(answer, undefined, [asking, api]);
      return c.json(document ?? {}, status);
    },
  };
}

/** What is no JSON: figures for Prometheus, checks as lines. A check that fails answers 500, as probes expect. */
export function textRoute<const K extends Key, Q extends z.ZodType = Nothing>(
  key: K,
  said: Omit<Said<Q, Nothing>, "body">,
  answer: (asking: Asking<K, z.output<Q>, unknown>, api: ApiParts) => Promise<PlainText>,
): Route {
  const known = whatIsKnown(key, said);
  return {
    ...known,
    body: undefined,
    answer: z.string(),
    status: 200,
    form: "text",
    handle: async (c, api) => {
      const asking = await readRequest(c, known.query, undefined);
      const { text, type, isFailing } = await Reflect.apply(answer, undefined, [asking, api]);
      return c.body(text, isFailing ? 500 : 200, { "content-type": type });
    },
  };
}

interface PlainText {
  readonly text: string;
  readonly type: string;
  readonly isFailing: boolean;
}

/** What is sent until it ends, fails, or the reader goes away; refusals come before, as ordinary answers. */
export function streamRoute<const K extends Key, A extends z.ZodType, Q extends z.ZodType = Nothing>(
  key: K,
  said: SaidOfStream<Q, A>,
  begin: (asking: Asking<K, z.output<Q>, unknown>, api: ApiParts) => Promise<Subscribe<z.output<A>>>,
): Route {
  const known = whatIsKnown(key, said);
  return {
    ...known,
    body: undefined,
    answer: said.document,
    status: 200,
    form: "stream",
    handle: async (c, api) => {
      const asking = await readRequest(c, known.query, undefined);
      const subscribe: Subscribe<z.output<A>> = await Reflect.apply(begin, undefined, [asking, api]);
      const skip = said.idOf === undefined ? c.req.header("last-event-id") : undefined;
      return stream(c, { keep: said.keep, idOf: said.idOf ?? contentId, skip }, subscribe);
    },
  };
}

export type Subscribe<T> = (outlet: Outlet<T>, signal: AbortSignal) => void | Promise<void>;

async function readRequest(c: Context<ApiEnv>, query: z.ZodType, body: z.ZodType | undefined) {
  return {
    path: c.req.param(),
    query: readQuery(c, query),
    body: body === undefined ? undefined : await readBody(c, body),
    // Asked only of those that need a name: joining needs none.
    get asked() {
      return asked(c);
    },
    c,
  };
}

/** What every kind of route says alike. */
function whatIsKnown(
  key: Key,
  said: Said<z.ZodType, z.ZodType>,
): Omit<Route, "body" | "answer" | "status" | "form" | "handle"> {
  const space = key.indexOf(" ");
  const method = key.slice(0, space);
  if (method !== "GET" && method !== "POST" && method !== "DELETE") throw new Error(`"${key}" names no method`);
  const { id, role, does, query = nothingSchema } = said;
  return { method, path: key.slice(space + 1), id, role, does, query };
}
