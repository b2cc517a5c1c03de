/**
 * Gives members of this host their leave to archive (drivers/postgres/archive/permit.ts) when the epoch that they hold
 * opens, and takes it away at the first look at which they do not hold it. Told by the runtime of every look; returns
 * at once. A server that is stopped or started has lost its leave by then: its own driver sees to that.
 */
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import type { Server } from "../domain/server.ts";
import { archiveDirectory, givePermit, withdrawPermit } from "../drivers/postgres/archive/permit.ts";
import { writeOffsite } from "../drivers/postgres/archive/offsite.ts";
import { wakeArchiver } from "../drivers/postgres/archive/wake.ts";
import { preparePush } from "../drivers/pgbackrest/member.ts";
import type { ServerOwner } from "../drivers/postgres/port.ts";
import type { Log } from "../log/log.ts";

interface MemberSeen {
  readonly id: MemberId;
  readonly dataDirectory: string;
  readonly observed: Server;
  readonly server: { readonly pid: number | undefined };
}

export interface PermitParts {
  readonly home: string;
  readonly owner: ServerOwner | undefined;
  readonly log: Log;
}

export class ArchivePermits {
  readonly #parts: PermitParts;
  /** what each was given last: the process and what it may do */
  readonly #given = new Map<string, string>();
  readonly #working = new Map<string, Promise<void>>();

  constructor(parts: PermitParts) {
    this.#parts = parts;
  }

  look(record: ClusterRecord, { id, dataDirectory, observed, server }: MemberSeen): void {
    const { epoch, timeline } = record.reign.value;
    // It does not answer for the moment; who holds the epoch is another question.
    if (observed.kind === "unresponsive" && record.reign.value.holder === id) return;
    const pid = mayArchive(record, id, observed) ? server.pid : undefined;
    const { backups } = record.spec.value;
    const wanted = pid === undefined ? "" : `${pid} ${epoch} ${timeline} ${JSON.stringify(backups?.repositories)}`;
    const before = this.#given.get(dataDirectory);
    if (before === wanted) return;
    this.#given.set(dataDirectory, wanted);
    const { name, systemIdentifier } = record.spec.value;
    const archive = archiveDirectory(this.#parts.home, name, systemIdentifier);
    this.#inTurn(dataDirectory, async () => {
      if (pid === undefined) return await withdrawPermit(dataDirectory);
      // Before its leave: what it archives without is in no repository, and stays so.
      const port = record.members[id]?.value.port ?? 0;
      const places = { home: this.#parts.home };
      const member = { id, cluster: name, dataDirectory, port };
      const push = await preparePush({ places, owner: this.#parts.owner }, backups, member);
      const isNew = await writeOffsite(dataDirectory, push.script, this.#parts.owner);
      await givePermit(dataDirectory, { timeline, archive }, this.#parts.owner);
      // Asked again at the next look, and until then told as it is.
      if (!push.isReady) this.#given.delete(dataDirectory);
      // What it could not archive before, it can now, and not only at its next try in a minute.
      if (push.isReady || isNew) await wakeArchiver(dataDirectory);
    });
  }

  /** The last word counts. What failed is tried again at the next look. */
  #inTurn(dataDirectory: string, work: () => Promise<void>): void {
    const before = this.#working.get(dataDirectory) ?? Promise.resolve();
    const done = before.then(work).catch((error: unknown) => {
      this.#given.delete(dataDirectory);
      this.#parts.log.warn("leave to archive not written", { data_directory: dataDirectory, error });
    });
    this.#working.set(dataDirectory, done);
  }
}

function mayArchive({ reign, members }: ClusterRecord, id: MemberId, server: Server): boolean {
  const { holder, incarnation, phase, timeline } = reign.value;
  if (holder !== id || phase !== "open" || members[id]?.value.incarnation !== incarnation) return false;
  return server.kind === "running" && server.role === "primary" && server.timeline === timeline;
}
