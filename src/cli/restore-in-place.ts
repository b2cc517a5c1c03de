/** `restore --in-place` and `--undo`: tell what will be, ask for the name, and follow it. */
import { formatMoment } from "../contract/moment.ts";
import type { InPlacePlan, InPlaceWish } from "../contract/storage.ts";
import { OpError } from "../errors/op-error.ts";
import { operationOutcome } from "./commands/operation-outcome.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { present, targetOf, type CopyOptions } from "./fork-cluster.ts";

interface InPlaceOptions extends CopyOptions {
  readonly inPlace?: true | undefined;
  readonly undo?: true | undefined;
  readonly dryRun?: true | undefined;
}

export async function restoreInPlace(
  context: CommandContext,
  cluster: string,
  name: string | undefined,
  options: InPlaceOptions,
): Promise<Outcome> {
  refuseOthers(name, options);
  const { snapshot, undo, dryRun } = options;
  const wish: InPlaceWish = present({ ...targetOf(options), snapshot, undo });
  if (!undo && Object.keys(wish).length === 0)
    throw new OpError("usage", {
      message: `to what "${cluster}" is to be put back is not given`,
      hint: "Give one of --at, --name, --lsn, --xid and --snapshot, or --undo.",
    });
  const client = await context.client();
  const plan = await client.planInPlace(cluster, wish);
  const words = planWords(wish, plan);
  if (dryRun) return { json: { would_put_back: cluster, to: wish, ...plan }, text: () => words };
  await context.confirm(words, cluster);
  // Whoever was asked has taken a while, and "a minute ago" is what was shown.
  const shown = plan.at === null ? wish : { ...wish, at: plan.at };
  return operationOutcome(context, await client.restoreInPlace(cluster, shown));
}

function planWords(wish: InPlaceWish, { cluster, members, begins_with: base, at, as_of: asOf }: InPlacePlan): string {
  const { point, lsn, xid, snapshot } = wish;
  const to = wish.undo
    ? "what it was before the last restore in place"
    : `what it was at ${at ?? point ?? lsn ?? (xid === undefined ? snapshot : `transaction ${xid}`)}`;
  const until =
    at !== null || asOf === null ? "" : `, which has what was committed until ${formatMoment(Date.parse(asOf))}`;
  const others = members === 2 ? "member is" : `${members - 1} members are`;
  return `This puts "${cluster}" back to ${to}: what was committed later is not in it any more.
The copy begins with ${base}${until}.
It is made first, while the cluster goes on; then clients are cut, and come back to it. Passwords stay as they are now${
    members > 1 ? `,\nand the other ${others} made anew` : ""
  }.
What it is now becomes a snapshot; matriarch restore ${cluster} --undo goes back to it.`;
}

/** What is for a new cluster means nothing here, and would be taken for done. */
function refuseOthers(name: string | undefined, options: InPlaceOptions): void {
  const { members, expires, anonymize, database, port, passwordFile, undo, inPlace } = options;
  const others = { members, expires, anonymize, database, port, "password-file": passwordFile };
  const [wrong] = Object.entries(others).filter(([, value]) => value !== undefined);
  if (wrong) throw new OpError("usage", { message: `--${wrong[0]} is for a new cluster` });
  if (options.backup !== undefined || options.fromRepository)
    throw new OpError("usage", {
      message: `--${options.backup === undefined ? "from-repository" : "backup"} is for a new cluster`,
      detail: "A cluster is put back from snapshots and the log of its own hosts.",
      hint: "Restore it into a new cluster: matriarch restore CLUSTER NEW --from-repository --at TIME",
    });
  if (name !== undefined)
    throw new OpError("usage", {
      message: `"${name}" would be a new cluster, and --${undo ? "undo" : "in-place"} is for the one that there is`,
    });
  const targets = Object.values({ ...targetOf(options), snapshot: options.snapshot }).some((one) => one !== undefined);
  if (undo && (inPlace || targets))
    throw new OpError("usage", { message: "--undo goes back to what was before, and takes no time" });
}
