/** What every driver says alike. */
import { OpError } from "../../errors/op-error.ts";

export function tooSmall(sizeBytes: number, usedBytes: number): OpError {
  return new OpError("bad-value", {
    message: `a volume of ${mib(sizeBytes)} cannot hold the ${mib(usedBytes)} that are in it`,
    hint: "Give it a larger size.",
  });
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}
