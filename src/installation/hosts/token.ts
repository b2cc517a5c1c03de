/**
 * The text of a token for joining: everything that a new host needs to find the installation and to know that it is the
 * right one. Pure but for the secret's making. Whoever has the text may join until it expires, so it is shown once.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";

import { OpError } from "../../errors/op-error.ts";

export interface TokenText {
  readonly id: string;
  readonly secret: string;
  /** wall clock; only told, the agent decides */
  readonly expiresAt: number;
  /** SHA-256 of the CA's certificate, hex */
  readonly caFingerprint: string;
  /** API of agents that let hosts join, `10.0.0.1:7400` */
  readonly agents: readonly string[];
}

const schema = z.strictObject({
  v: z.literal(1),
  i: z.string().min(1),
  s: z.string().min(1),
  e: z.number(),
  f: z.string().regex(/^[0-9a-f]{64}$/),
  a: z.array(z.string().regex(/^.+:\d+$/)).min(1),
});

export function formatToken({ id, secret, expiresAt, caFingerprint, agents }: TokenText): string {
  const value: z.infer<typeof schema> = { v: 1, i: id, s: secret, e: expiresAt, f: caFingerprint, a: [...agents] };
  const body = Buffer.from(JSON.stringify(value)).toString("base64url");
  return body + checkOf(body);
}

/** @throws OpError join-refused when it is no token, or not a whole one */
export function parseToken(text: string): TokenText {
  const trimmed = text.trim();
  const body = trimmed.slice(0, -checkLength);
  const parsed = checkOf(body) === trimmed.slice(-checkLength) ? schema.safeParse(readJson(body)) : undefined;
  if (parsed?.success) {
    const { i: id, s: secret, e: expiresAt, f: caFingerprint, a: agents } = parsed.data;
    return { id, secret, expiresAt, caFingerprint, agents };
  }
  throw new OpError("join-refused", {
    message: "this is not a token for joining, or not a whole one",
    detail: "A token is one long word, as matriarch host token prints it.",
    hint: "Copy it again, or make a new one on a host of the installation: matriarch host token",
  });
}

export function makeSecret(): { readonly id: string; readonly secret: string } {
  return { id: randomBytes(6).toString("hex"), secret: randomBytes(24).toString("base64url") };
}

export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

export function isSecret(secret: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashSecret(secret)), Buffer.from(hash));
}

/** So that a token that lost its end in copying is told from a wrong one. */
const checkLength = 6;
function checkOf(body: string): string {
  return createHash("sha256").update(body).digest("base64url").slice(0, checkLength);
}

function readJson(body: string): unknown {
  try {
    return JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}
