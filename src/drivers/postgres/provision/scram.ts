/**
 * Passwords of database users: made here, and turned into verifiers here, so that no password ever reaches a server's
 * log. Called by the agent when it creates a cluster and when a user's password is rotated. Never keeps one.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, randomInt } from "node:crypto";
import { OpError } from "../../../errors/op-error.ts";

const iterations = 4096;

/**
 * What Postgres stores for a password: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. A literal of it is
 * valid in `CREATE ROLE … PASSWORD`. Source: RFC 5802, scram_build_secret() in scram-common.c.
 * @throws OpError bad-value for an empty password or one that Postgres' clients would prepare in different ways
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  refuseAmbiguous(password);
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest();
  const serverKey = createHmac("sha256", salted).update("Server Key").digest();
  const keys = `${storedKey.toString("base64")}:${serverKey.toString("base64")}`;
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${keys}`;
}

/**
 * Clients prepare a password by SASLprep or not at all, and libpq takes it as it is when SASLprep refuses it. All agree
 * on text that SASLprep would leave alone: already in NFKC, without the spaces and invisible characters that it maps.
 * Source: RFC 4013 and RFC 3454 (tables B.1, C.1.2), pg_saslprep() in saslprep.c.
 */
function refuseAmbiguous(password: string): void {
  const mapped = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u1806]|[^\P{Zs} ]/u;
  const same = password.isWellFormed() && password.normalize("NFKC") === password && !mapped.test(password);
  if (password !== "" && same) return;
  throw new OpError("bad-value", {
    message: password === "" ? "the password is empty" : "the password has a character that clients treat differently",
    hint: "Letters, digits and ASCII punctuation are always right.",
  });
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** 24 letters and digits, 142 bits: it needs no escape in a URI, a shell or SQL. */
export function generatePassword(): string {
  return Array.from({ length: 24 }, () => alphabet[randomInt(alphabet.length)]).join("");
}
