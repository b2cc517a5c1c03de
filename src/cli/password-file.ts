/** Passwords come in a file or on stdin: an argument would be seen in the list of processes. */
import { readFile } from "node:fs/promises";
import { buffer as readStream } from "node:stream/consumers";

import { OpError } from "../errors/op-error.ts";

/** @param file "-" for stdin. @throws OpError bad-value when it is empty or cannot be read */
export async function readPassword(file: string): Promise<string> {
  try {
    const password = textOf(await (file === "-" ? readStream(process.stdin) : readFile(file))).replace(/\r?\n$/, "");
    if (password === "") throw new OpError("bad-value", { message: "the password is empty" });
    return password;
  } catch (cause) {
    if (cause instanceof OpError) throw cause;
    const detail = `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`;
    throw new OpError("bad-value", { message: `the password file "${file}" cannot be read`, detail, cause });
  }
}

/** Bytes of another encoding would become a password that nobody knows. */
function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new OpError("bad-value", { message: "the password is not text in UTF-8", cause });
  }
}
