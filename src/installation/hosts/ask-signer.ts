/**
 * Asks a host that holds the authority's key for what only such a one can do: to sign. Called by the renewal of this
 * host's certificate and for those of users. The hosts are asked one after the other until one answers.
 */
import type { HostRecord } from "../../domain/host.ts";
import type { NeighbourCall, Neighbours } from "../../drivers/neighbours/port.ts";
import type { ErrorCode } from "../../errors/catalog.ts";
import { OpError } from "../../errors/op-error.ts";

const askWithinMs = 5000;
/** The next may do it; one that has signed and could not say so does no harm. */
const goOnAfter: ReadonlySet<ErrorCode> = new Set(["host-unreachable", "interrupted", "not-supported"]);

export interface SignerParts {
  /** name of this host, which has no key and is not asked */
  readonly self: string;
  readonly hosts: () => readonly HostRecord[];
  readonly neighbours: Pick<Neighbours, "call">;
}

/** @throws OpError host-unreachable when none answers, and whatever one that answers refuses with */
export async function askSigner(
  { self, hosts, neighbours }: SignerParts,
  call: Omit<NeighbourCall, "deadlineMs">,
): Promise<unknown> {
  const reasons: string[] = [];
  for (const host of hosts().filter(({ signs, name }) => signs && name !== self)) {
    try {
      return await neighbours.call(host, { ...call, deadlineMs: askWithinMs });
    } catch (error) {
      if (!(error instanceof OpError && goOnAfter.has(error.code))) throw error;
      reasons.push(`${host.name}: ${error.message}`);
    }
  }
  throw new OpError("host-unreachable", {
    message: "no host that holds the authority's key answers",
    detail: reasons.length === 0 ? "There is none." : `${reasons.join("; ")}.`,
    hint: "See which hosts there are, and whether they answer: matriarch host list",
  });
}
