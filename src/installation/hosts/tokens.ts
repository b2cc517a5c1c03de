/** Tokens for joining: made by an admin or by `host init`, shown once, taken back by their id. */
import type { HostRecord } from "../../domain/host.ts";
import { hostPorts } from "../../domain/host.ts";
import type { JoinToken } from "../../contract/host.ts";
import { addJoinToken } from "../../drivers/store/join-tokens.ts";
import type { Store } from "../../drivers/store/port.ts";
import { atPort } from "./reach.ts";
import { formatToken, hashSecret, makeSecret } from "./token.ts";

export interface TokenWish {
  readonly expiresMs: number;
  readonly uses: number;
  readonly by: string;
}

/** @param hosts all of the installation; those that hold the CA's key are named in the token */
export async function makeJoinToken(
  store: Store,
  hosts: readonly HostRecord[],
  caFingerprint: string,
  wish: TokenWish & { readonly now: number },
): Promise<JoinToken> {
  const { id, secret } = makeSecret();
  const { uses, by, now } = wish;
  const expiresAt = now + wish.expiresMs;
  await addJoinToken(store, { id, secretHash: hashSecret(secret), expiresAt, usesMax: uses, usedBy: [], by }, now);
  const agents = hosts
    .filter(({ signs }) => signs)
    .map(({ address, basePort }) => atPort(address, hostPorts(basePort).api));
  const token = formatToken({ id, secret, expiresAt, caFingerprint, agents });
  return { id, token, expires_at: new Date(expiresAt).toISOString(), uses };
}
