/**
 * Drives pgBackRest for one cluster on this host: writes its configuration, runs its commands, reads its answers. Made
 * by the installation for a look or an operation; holds nothing between calls but where things are.
 */
import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { BackupProof, RepositoryNumber } from "../../domain/backup.ts";
import { OpError } from "../../errors/op-error.ts";
import type { ServerOwner } from "../postgres/port.ts";
import { renderConfig } from "./config.ts";
import { formatProof, readInfo } from "./info.ts";
import { makeOwnDirectory, writeOwn } from "./owned.ts";
import { configDirectory, memberConfig, placeOf, runDirectory, type BackupPlaces } from "./places.ts";
import type { BackupMember, RepositoryLook, RestoreRequest, Stanza, TakeRequest, Verification } from "./port.ts";
import { failureOf } from "./problems.ts";
import { findBackupProgram, refuseTooOld } from "./program.ts";
import { argumentsOf, followLog, launch, removeLog, run, runsWith, type Call } from "./run.ts";
import { newestSegmentAt } from "./listing.ts";
import { missingSegments, readVerification } from "./verification.ts";

export interface DriverParts {
  readonly places: BackupPlaces;
  readonly owner: ServerOwner | undefined;
  readonly processes: number;
  /** of a member's own configuration, with which it pushes */
  readonly ioSeconds?: number;
  readonly signal: AbortSignal;
}

/** Each attempt; pgBackRest makes several. */
const lookIoSeconds = 3;
const usualIoSeconds = 20;
const lookMs = 30_000;
const shortMs = 120_000;
const longMs = 24 * 3_600_000;
/** That what was written last reaches every repository. */
const archiveSeconds = 60;

export interface Annotations {
  readonly lockedUntil?: number | null;
  readonly proof?: BackupProof;
}

export class PgBackRest {
  readonly #parts: DriverParts;
  readonly #stanza: Stanza;

  constructor(parts: DriverParts, stanza: Stanza) {
    this.#parts = parts;
    this.#stanza = stanza;
  }

  /** What every repository says of this cluster; one that cannot be used says why. @throws OpError backup-program-missing */
  async look(): Promise<readonly RepositoryLook[]> {
    const { repositories } = this.#stanza;
    // Each by itself: one that hangs keeps nothing back of the other.
    const looks = repositories.map(({ number }) => this.#alone(number).#lookAt(number));
    return (await Promise.all(looks)).flat();
  }

  async #lookAt(repository: RepositoryNumber): Promise<readonly RepositoryLook[]> {
    const options = ["--output=json", "--log-level-console=error", `--io-timeout=${lookIoSeconds}`];
    const call = await this.#call("info", options, [], `look-${repository}`);
    const limit = this.#within(lookMs);
    const said = await run(call, limit).catch((error: unknown) => {
      if (limit.signal.aborted || !(error instanceof OpError)) throw error;
      return error;
    });
    const { repositories } = this.#stanza;
    if (said instanceof OpError) {
      const text = `it did not answer within ${lookMs / 1000} s`;
      const problem = { kind: "unreachable", text } as const;
      return readInfo("[]", repositories).map((look) => ({ ...look, isEmpty: false, problem }));
    }
    const { code, text } = said;
    if (code !== 0) throw failureOf("info", code, text);
    return readInfo(text.slice(text.indexOf("[{") === -1 ? text.indexOf("[]") : text.indexOf("[{")), repositories);
  }

  /** Makes its place in every repository; one that is there is left as it is. Before any log is pushed. */
  async create(members: readonly BackupMember[]): Promise<void> {
    await this.#do("stanza-create", ["--log-level-console=warn"], shortMs, members);
  }

  /** The cluster has another identity since it was restored in place; what was pushed before stays what it is. */
  async upgrade(repository: RepositoryNumber, members: readonly BackupMember[]): Promise<void> {
    await this.#alone(repository).#do("stanza-upgrade", ["--log-level-console=warn"], shortMs, members);
  }

  /** A segment of the log is ended and waited for in every repository. */
  async check(members: readonly BackupMember[]): Promise<void> {
    const options = ["--log-level-console=warn", `--archive-timeout=${archiveSeconds}`];
    await this.#do("check", options, shortMs, members);
  }

  /** Begins a backup, which goes on without this agent. */
  async take({ repository, kind, members, operation, spec }: TakeRequest): Promise<{ readonly pid: number }> {
    const type = { full: "full", differential: "diff", incremental: "incr" }[kind];
    const options = [
      `--repo=${repository}`,
      `--type=${type}`,
      `--annotation=operation=${operation}`,
      // With it a cluster can be made of the backup when nothing else of it is left.
      `--annotation=spec=${spec}`,
      `--archive-timeout=${archiveSeconds}`,
      "--log-level-console=detail",
      ...(members.length > 1 ? ["--backup-standby"] : []),
    ];
    const call = await this.#call("backup", options, members, `backup-${repository}`);
    return { pid: await launch(call, this.#log(operation)) };
  }

  /** Until it has ended, whoever began it. @throws OpError in its words */
  async followTaken(
    { pid, operation }: { readonly pid: number; readonly operation: string },
    told: (done: number) => void,
  ) {
    const log = this.#log(operation);
    const isAlive = (): Promise<boolean> => runsWith(pid, operation);
    const { code, text } = await followLog({ log, isAlive }, told, this.#parts.signal);
    await removeLog(log);
    if (code !== 0) throw failureOf("backup", code, text);
  }

  /** Removes full backups with all that build on them, and the log that no backup needs. @returns those it removed */
  async expire(repository: RepositoryNumber, labels: readonly string[], fullsWithLog: number): Promise<void> {
    const keep = [`--repo=${repository}`, `--repo${repository}-retention-archive=${fullsWithLog}`];
    const options = [...keep, `--repo${repository}-retention-archive-type=full`, "--log-level-console=warn"];
    for (const label of labels) await this.#do("expire", [...options, `--set=${label}`], longMs);
    if (labels.length === 0) await this.#do("expire", options, longMs);
  }

  /** Written beside the backup, so that whoever has the repository sees it. */
  async annotate(repository: RepositoryNumber, label: string, { lockedUntil, proof }: Annotations): Promise<void> {
    const lock = lockedUntil === null ? "" : lockedUntil && new Date(lockedUntil).toISOString();
    const options = [
      `--repo=${repository}`,
      `--set=${label}`,
      "--log-level-console=warn",
      ...(lock === undefined ? [] : [`--annotation=locked-until=${lock}`]),
      ...(proof === undefined ? [] : [`--annotation=proof=${formatProof(proof)}`]),
    ];
    await this.#do("annotate", options, shortMs);
  }

  /** What the archive of one database has, by the names that Postgres gives them. */
  async listLog(repository: RepositoryNumber, archive: string): Promise<readonly string[]> {
    const path = `archive/${this.#stanza.name}/${archive}`;
    const options = [`--repo=${repository}`, "--recurse", "--log-level-console=error"];
    const { text } = await this.#do("repo-ls", options, shortMs, [], [path]);
    return text.split("\n");
  }

  /** Wall clock of the storage: when the newest segment came there; undefined: none did. */
  async newestSegmentAt(repository: RepositoryNumber, archive: string): Promise<number | undefined> {
    const path = `archive/${this.#stanza.name}/${archive}`;
    const options = [`--repo=${repository}`, "--recurse", "--output=json", "--log-level-console=error"];
    const { text } = await this.#do("repo-ls", options, shortMs, [], [path]);
    return newestSegmentAt(text);
  }

  /** Files of the log that no server pushes any more, to one repository. One that is there already is left as it is. */
  async push(repository: RepositoryNumber, member: BackupMember, paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const options = ["--log-level-console=error"];
    const call = await this.#alone(repository).#call("archive-push", options, [member], `push-${repository}`);
    for (const path of paths) {
      const said = await run({ ...call, words: [path] }, this.#within(shortMs));
      if (said.code !== 0) throw failureOf("archive-push", said.code, said.text);
    }
  }

  /** Into an empty directory. What recovers it comes from elsewhere: nothing of that is written. */
  async restore(
    { repository, label, member, links }: RestoreRequest,
    told: (done: number) => void,
    signal: AbortSignal,
  ) {
    const options = [
      `--repo=${repository}`,
      `--set=${label}`,
      "--type=none",
      // Those of the source lie where the source may still use them.
      `--tablespace-map-all=${links}`,
      "--log-level-console=detail",
    ];
    const call = await this.#call("restore", options, [member], `restore-${member.id}`);
    const limit = { withinMs: longMs, signal: AbortSignal.any([signal, this.#parts.signal]) };
    const said = await run({ ...call, told }, limit);
    if (said.code !== 0) throw failureOf("restore", said.code, said.text);
  }

  /** Words of a program that is run with the name of a file of the log and where to put it. */
  async fetchWords(repository: RepositoryNumber, member: BackupMember): Promise<readonly string[]> {
    const options = [`--repo=${repository}`, "--log-level-console=error"];
    const { program, ...call } = await this.#call("archive-get", options, [member], `restore-${member.id}`);
    return [program, ...argumentsOf(call)];
  }

  /** One file of the log. @returns false when it is not there */
  async fetchLog(repository: RepositoryNumber, member: BackupMember, name: string, to: string): Promise<boolean> {
    const options = [`--repo=${repository}`, "--log-level-console=error"];
    const call = await this.#call("archive-get", options, [member], `restore-${member.id}`);
    return (await run({ ...call, words: [name, to] }, this.#within(shortMs))).code === 0;
  }

  /** Reads everything that is there and compares it with what was written. */
  async verify(repository: RepositoryNumber, archives: readonly string[]): Promise<Verification> {
    const of = `--repo=${repository}`;
    const options = [of, "--output=text", "--verbose", "--log-level-console=info"];
    const { text } = await this.#do("verify", options, longMs);
    const gaps: string[] = [];
    // Each is the log of another system, in which the same names come again.
    for (const archive of archives) gaps.push(...missingSegments(await this.listLog(repository, archive)));
    return readVerification(repository, text, gaps);
  }

  /** Ends what an agent before this one had begun, other than backups. */
  async halt(): Promise<void> {
    await this.#do("stop", ["--force", "--log-level-console=error"], shortMs);
    await this.#do("start", ["--log-level-console=error"], shortMs);
  }

  /** All that it has in the repository goes for good. */
  async remove(repository: RepositoryNumber): Promise<void> {
    // It wants a server's directory, to see that none runs in it; of a cluster that is gone there is none.
    const noServer = `--pg1-path=${runDirectory(this.#parts.places, this.#stanza.cluster)}`;
    const options = [`--repo=${repository}`, noServer, "--log-level-console=warn"];
    await this.#do("stop", ["--log-level-console=warn"], shortMs);
    try {
      await this.#do("stanza-delete", [...options, "--force"], longMs);
    } finally {
      await this.#do("start", ["--log-level-console=warn"], shortMs);
    }
  }

  /** For a member's server, which pushes to one repository with it. @returns where it lies */
  async writeMemberConfig(member: BackupMember, repository: RepositoryNumber): Promise<string> {
    const file = memberConfig(this.#parts.places, this.#stanza.cluster, member.id, repository);
    await this.#writeConfig(file, [member], join(runDirectory(this.#parts.places, this.#stanza.cluster), member.id));
    return file;
  }

  /** @returns where the configuration lies; `name` of its own for what may run at the same time */
  async writeConfig(name: string, members: readonly BackupMember[]): Promise<string> {
    const { places } = this.#parts;
    const file = join(configDirectory(places, this.#stanza.cluster), `${name}.conf`);
    await this.#writeConfig(file, members, runDirectory(places, this.#stanza.cluster));
    return file;
  }

  async #writeConfig(file: string, members: readonly BackupMember[], lockDirectory: string): Promise<void> {
    const { places, owner, processes, ioSeconds = usualIoSeconds } = this.#parts;
    const directory = configDirectory(places, this.#stanza.cluster);
    await makeBackupDirectories(places, this.#stanza.cluster, owner);
    await makeOwnDirectory(lockDirectory, owner);
    const rendered = renderConfig({ stanza: this.#stanza, members, directory, lockDirectory, processes, ioSeconds });
    for (const { name, text } of rendered.files) await writeOwn(join(directory, name), text, owner);
    await writeOwn(file, rendered.text, owner);
  }

  /** For commands that take no `--repo`: they know of one, and what is wrong with another is no concern of theirs. */
  #alone(repository: RepositoryNumber): PgBackRest {
    const repositories = this.#stanza.repositories.filter(({ number }) => number === repository);
    return new PgBackRest(this.#parts, { ...this.#stanza, repositories });
  }

  async #call(
    command: string,
    options: readonly string[],
    members: readonly BackupMember[] = [],
    config = "cluster",
  ): Promise<Call> {
    const program = await findBackupProgram();
    const file = await this.writeConfig(members.length === 0 ? config : `${config}-servers`, members);
    return {
      program: program.path,
      owner: this.#parts.owner,
      config: file,
      stanza: this.#stanza.name,
      command,
      options,
    };
  }

  async #do(
    command: string,
    options: readonly string[],
    withinMs: number,
    members: readonly BackupMember[] = [],
    words: readonly string[] = [],
  ) {
    const call = await this.#call(command, options, members);
    const said = await run({ ...call, words }, this.#within(withinMs));
    if (said.code !== 0) throw failureOf(command, said.code, said.text);
    return said;
  }

  #within(withinMs: number): { readonly withinMs: number; readonly signal: AbortSignal } {
    return { withinMs, signal: this.#parts.signal };
  }

  #log(operation: string): string {
    return join(runDirectory(this.#parts.places, this.#stanza.cluster), `${operation}.log`);
  }
}

/** @throws OpError backup-program-missing */
export async function refuseUnfit(major: number, { repositories }: Pick<Stanza, "repositories">): Promise<void> {
  refuseTooOld(await findBackupProgram(), { major, places: repositories.map(({ place }) => place) });
}

export async function makeBackupDirectories(
  places: BackupPlaces,
  cluster: string,
  owner: ServerOwner | undefined,
): Promise<void> {
  await mkdir(placeOf(places, cluster), { recursive: true, mode: 0o755 });
  await makeOwnDirectory(configDirectory(places, cluster), owner);
  await makeOwnDirectory(runDirectory(places, cluster), owner);
}

/** A repository on a path: its directory, for the servers' user to write to. @returns the first one that was made */
export async function makeRepositoryDirectory(
  path: string,
  owner: ServerOwner | undefined,
): Promise<string | undefined> {
  const made = await mkdir(path, { recursive: true, mode: 0o750 });
  if (made !== undefined && owner !== undefined) await chown(path, owner.uid, owner.gid);
  return made;
}
