/** Passwords come in a file or on stdin: an argument would be seen in the list of processes. */
import { readFile } from "node:fs/promises";
import { text as readStream } from "node:stream/consumers";

import { OpError } from "../errors/op-error.ts";

/** @param file "-" for stdin. @throws OpError bad-value when it is empty or cannot be read */
export async function readPassword(file: string): Promise<string> {
  try {
    const content = file === "-" ? await readStream(process.stdin) : await readFile(file, "utf8");
    const password = content.replace(/\r?\n$/, "");
    if (password === "") throw new OpError("bad-value", { message: "the password is empty" });
    return password;
  } catch (cause) {
    if (cause instanceof OpError) throw cause;
    const detail = `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`;
    throw new OpError("bad-value", { message: `the password file "${file}" cannot be read`, detail, cause });
  }
}
