/** `create --fork-from` and `--from-snapshot`: what `fork` does, by the name that people look for it under. */
import { OpError } from "../errors/op-error.ts";
import type { CommandContext, Outcome } from "./context.ts";
import type { CreateOptions } from "./create-cluster.ts";
import { forkCluster } from "./fork-cluster.ts";

/** As every cluster that is created. */
const usualMembers = 3;

export async function createCopy(context: CommandContext, name: string, options: CreateOptions): Promise<Outcome> {
  const { forkFrom, fromSnapshot: snapshot, members = usualMembers, port, passwordFile, detach, ...others } = options;
  const [wrong] = Object.entries(others).filter(([, value]) => value !== undefined);
  if (wrong)
    throw new OpError("usage", {
      message: `--${wrong[0].replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is for a cluster that begins empty`,
      detail: "A copy is as its source was.",
      hint: "Change it afterwards, with matriarch config set or matriarch scale.",
    });
  const source = forkFrom ?? sourceOf(snapshot ?? "");
  return forkCluster(context, source, name, { snapshot, members, port, passwordFile, detach });
}

/** A snapshot's id begins with its cluster's name. */
function sourceOf(snapshot: string): string {
  const [, cluster] = /^(.+)-\d{8}T\d{6}Z-[0-9a-f]{4}$/.exec(snapshot) ?? [];
  if (cluster !== undefined) return cluster;
  throw new OpError("usage", {
    message: `"${snapshot}" is no snapshot's id`,
    hint: "See matriarch snapshot list CLUSTER.",
  });
}
