/**
 * `Idempotency-Key`: a changing request that is sent again with the same key is not done again, but answered as the first
 * time. Called by server.ts around every route that changes something.
 *
 * Answers hold passwords that are kept nowhere else, so they are sealed with a key that is made of the Idempotency-Key
 * itself: whoever has the file and not the key can read none of them.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";

import { version } from "../config/version.ts";
import { versionHeader } from "../contract/error.ts";
import { errorCatalog } from "../errors/catalog.ts";
import { OpError } from "../errors/op-error.ts";
import type { KeptRequest } from "../events/request-keys.ts";
import { callerOf, type ApiEnv } from "./access/caller.ts";
import type { Route } from "./route.ts";

/** On one host a file of the agent's, over several the store: whichever host is asked, knows it. */
export interface KeptRequests {
  /** @returns what is known of it when it was begun before */
  begin(id: string, fingerprint: string): KeptRequest | undefined | Promise<KeptRequest | undefined>;
  finish(id: string, sealed: Uint8Array): void | Promise<void>;
  /** Nothing was changed: it may be sent again. */
  forget(id: string): void | Promise<void>;
}

const keyHeader = "idempotency-key";
/** What is printed, and no space: others would be changed on their way. */
const keyForm = /^[\x21-\x7e]{1,255}$/;
const replayedHeader = "idempotent-replayed";

/** Agents repeat what is safe to repeat; a connection and a stream cannot be answered twice. */
export function takesKey({ method, role }: Pick<Route, "method" | "role">): boolean {
  return method !== "GET" && role !== "host" && role !== "anyone";
}

export function idempotency(requests: KeptRequests): MiddlewareHandler<ApiEnv> {
  /** The first of each key, while it is being done; the others wait for it. */
  const running = new Map<string, Promise<void>>();
  return async (c, next) => {
    const key = c.req.header(keyHeader);
    if (key === undefined) return next();
    refuseBadKey(key);
    const body = Buffer.from(await c.req.arrayBuffer());
    const asking = { id: idOf(callerOf(c).by, key), fingerprint: fingerprintOf(c, body), key };
    while (running.has(asking.id)) await running.get(asking.id);
    const first = Promise.withResolvers<void>();
    running.set(asking.id, first.promise);
    try {
      const kept = await requests.begin(asking.id, asking.fingerprint);
      if (kept) return answerAgain(asking, kept);
      await next();
      await keep(requests, asking, c);
    } finally {
      running.delete(asking.id);
      first.resolve();
    }
  };
}

interface Asking {
  readonly id: string;
  readonly fingerprint: string;
  readonly key: string;
}

function refuseBadKey(key: string): void {
  if (keyForm.test(key)) return;
  throw new OpError("usage", {
    message: "the Idempotency-Key cannot be read",
    detail: "It is 1 to 255 printed characters of ASCII without spaces.",
    hint: "A random UUID is a good one.",
  });
}

/** What was done is kept, what was refused is not, and of what nobody knows it stays known that it was begun. */
async function keep(requests: KeptRequests, asking: Asking, c: Context): Promise<void> {
  const isUnknown = c.error instanceof OpError && errorCatalog[c.error.code].exitCode === 4;
  if (c.res.ok) await requests.finish(asking.id, seal(asking, c.res.status, await c.res.clone().text()));
  else if (!isUnknown) await requests.forget(asking.id);
}

function answerAgain(asking: Asking, { fingerprint, sealed }: KeptRequest): Response {
  if (fingerprint !== asking.fingerprint) {
    throw new OpError("key-reused", {
      message: "the Idempotency-Key belongs to another request",
      detail: "It was used within the last day for another path or another body.",
      hint: "Take a new key for each thing that is to be done.",
    });
  }
  if (sealed === undefined) {
    throw new OpError("interrupted", {
      message: "this request was begun before, and how it ended is not known",
      detail: "The agent ended, or the store did not answer, while it was being done.",
      hint: "Look at the cluster; to have it done all the same, send it with another Idempotency-Key.",
    });
  }
  const { status, body } = open(asking, sealed);
  const headers = { "content-type": "application/json", [replayedHeader]: "true", [versionHeader]: version };
  return new Response(body, { status, headers });
}

/** One caller cannot meet another's key, and the file does not say what the key was. */
function idOf(by: string, key: string): string {
  return createHash("sha256")
    .update(JSON.stringify(["matriarch request", by, key]))
    .digest("hex");
}

function fingerprintOf(c: Context, body: Buffer): string {
  const { pathname, search } = new URL(c.req.url);
  return createHash("sha256")
    .update(JSON.stringify([c.req.method, pathname, search]))
    .update(body)
    .digest("hex");
}

const algorithm = "aes-256-gcm";
const ivBytes = 12;
const tagBytes = 16;

function sealingKey({ id, key }: Asking): Buffer {
  return Buffer.from(hkdfSync("sha256", key, id, "matriarch kept answer", 32));
}

function seal(asking: Asking, status: number, body: string): Uint8Array {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, sealingKey(asking), iv);
  const text = Buffer.concat([cipher.update(JSON.stringify({ status, body })), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]);
}

function open(asking: Asking, sealed: Uint8Array): { readonly status: number; readonly body: string } {
  const decipher = createDecipheriv(algorithm, sealingKey(asking), sealed.subarray(0, ivBytes));
  decipher.setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes));
  const text = Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]).toString();
  const kept: { readonly status: number; readonly body: string } = JSON.parse(text);
  return kept;
}
