/** A cluster's spec as one word, to stand beside a backup: with it a cluster can be made of the backup alone. */
import type { ClusterSpec } from "../../domain/cluster.ts";
import { specSchema } from "../../drivers/store/record-schemas.ts";

export function packSpec(spec: ClusterSpec): string {
  return Buffer.from(JSON.stringify(spec)).toString("base64url");
}

/** undefined for what is none, or was written by a newer version */
export function unpackSpec(word: string | undefined): ClusterSpec | undefined {
  if (word === undefined) return undefined;
  try {
    const parsed = specSchema.safeParse(JSON.parse(Buffer.from(word, "base64url").toString()));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
