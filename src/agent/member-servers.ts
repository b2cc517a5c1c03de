/**
 * Makes the driver of a member's server from the cluster's records: engine, directories, settings. Engines are looked
 * up once for a cluster (`prepare`), before its loops begin; after that making a driver is immediate.
 */
import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  engineOf,
  type ClusterRecord,
  type ClusterSpec,
  type EngineChoice,
  type MemberId,
  type MemberRecord,
} from "../domain/cluster.ts";
import { computeSettings } from "../drivers/postgres/configuration/defaults.ts";
import { ensureEmbeddedEngine, installedVersions } from "../drivers/postgres/engine/embedded.ts";
import { markOf, openOwnEngine } from "../drivers/postgres/engine/own.ts";
import { newestOf, releaseInCatalog } from "../drivers/postgres/engine/releases.ts";
import { findSystemEngine, systemEnginesMark } from "../drivers/postgres/engine/system.ts";
import { createMemberServer } from "../drivers/postgres/member-server.ts";
import type { Engine, MemberServer, MemberVolume, ServerOwner, WantedSettings } from "../drivers/postgres/port.ts";
import type { VolumePool } from "../drivers/volume/port.ts";
import type { Clock } from "./clock.ts";
import type { MemberLimits } from "./member-limits.ts";

/** Room that a socket's name needs after its directory: `/.s.PGSQL.65535`. */
const socketNameBytes = 15;
/** Of a Unix socket's path. Source: unix(7); macOS has 104. */
const socketPathBytesMax = 103;

const packagesEveryMs = 10_000;

export interface ServerPlaces {
  /** `<home>/clusters` */
  readonly clusters: string;
  /** `<home>/run` */
  readonly run: string;
  readonly home: string;
}

export interface ServerParts {
  readonly places: ServerPlaces;
  readonly owner: ServerOwner | undefined;
  readonly clock: Clock;
  readonly pool: VolumePool;
  readonly limits: MemberLimits;
}

export class MemberServers {
  readonly #places: ServerPlaces;
  readonly #owner: ServerOwner | undefined;
  readonly #clock: Clock;
  /** where the members' storage comes from */
  readonly pool: VolumePool;
  readonly #limits: MemberLimits;
  readonly #engines = new Map<string, Engine>();
  #packagesLookedAt = -Infinity;
  #packagesMark = "";

  constructor({ places, owner, clock, pool, limits }: ServerParts) {
    this.#places = places;
    this.#owner = owner;
    this.#clock = clock;
    this.pool = pool;
    this.#limits = limits;
  }

  get owner(): ServerOwner | undefined {
    return this.#owner;
  }

  /** Finds, or installs, what these members' servers run on. */
  async prepare(cluster: ClusterRecord, members: readonly MemberRecord[] = []): Promise<void> {
    const signal = AbortSignal.timeout(600_000);
    for (const wanted of enginesOf(cluster.spec.value, members)) await this.engine(wanted, () => undefined, signal);
  }

  /** Whether their servers can be made at once. */
  has(cluster: ClusterRecord, members: readonly MemberRecord[]): boolean {
    return enginesOf(cluster.spec.value, members).every((wanted) => this.#engines.has(keyOf(wanted)));
  }

  /** The engine of a spec, installed first when it is not there. `told` hears a line for each step. */
  async engine(wanted: WantedEngine, told: (line: string) => void, signal: AbortSignal): Promise<Engine> {
    const key = keyOf(wanted);
    const known = this.#engines.get(key);
    if (known) return known;
    const { major, version } = wanted;
    const options = { progress: told, signal, ...(version === undefined ? {} : { version }) };
    const engine =
      wanted.engine === "system"
        ? await this.#installed(wanted)
        : await ensureEmbeddedEngine(this.#places.home, major, options);
    this.#engines.set(key, engine);
    return engine;
  }

  /** By packages, or by the user. */
  #installed({ major, engineDirectory: directory }: EngineChoice): Promise<Engine> {
    if (directory === undefined) return findSystemEngine(major);
    return openOwnEngine({ directory, major, owner: this.#owner });
  }

  /** Of Postgres, `18.4`, with which the server of a member of this host starts next; undefined before `prepare`. */
  versionOf(spec: EngineChoice, member?: Pick<MemberRecord, "version">): string | undefined {
    if (spec.engine === "system") this.#lookForPackages();
    return this.#engines.get(keyOf(wantedBy(spec, member)))?.version;
  }

  /** What an upgrade could go to here without asking any network: tested with this release, or in the home already. */
  async newestEmbedded(major: number): Promise<string> {
    const tested = this.testedVersion(major);
    return newestOf([tested, ...(await installedVersions(this.#places.home, major))]) ?? tested;
  }

  /** The embedded version of a major that this release was tested with. */
  testedVersion(major: number): string {
    return releaseInCatalog(major).version;
  }

  async hasEmbedded(major: number, version: string): Promise<boolean> {
    return (await installedVersions(this.#places.home, major)).includes(version);
  }

  /** What is installed by now; a package manager, or the user, replaces it under servers that run. */
  async systemVersion(wanted: EngineChoice): Promise<string> {
    const engine = await this.#installed(wanted);
    this.#engines.set(keyOf(wanted), engine);
    return engine.version;
  }

  /** Costs a few `stat` now and then; what is found counts from the next time on. */
  #lookForPackages(): void {
    const now = this.#clock.now();
    if (now - this.#packagesLookedAt < packagesEveryMs) return;
    this.#packagesLookedAt = now;
    void this.#refreshPackages().catch(() => undefined);
  }

  async #refreshPackages(): Promise<void> {
    const installed = [...this.#engines.values()].filter(({ kind }) => kind === "system");
    const marks = installed.filter(({ build }) => build !== undefined).map(({ binDirectory }) => markOf(binDirectory));
    const mark = [await systemEnginesMark(), ...(await Promise.all(marks))].join("\n");
    if (mark === this.#packagesMark) return;
    this.#packagesMark = mark;
    for (const engine of installed) await this.systemVersion(choiceOf(engine)).catch(() => undefined);
  }

  /** The member's next start is with what its record names now. */
  useEngine(server: MemberServer, cluster: ClusterRecord, member: MemberRecord): void {
    const wanted = wantedBy(cluster.spec.value, member);
    const known = this.#engines.get(keyOf(wanted));
    if (known) return server.useEngine(known);
    void this.engine(wanted, () => undefined, AbortSignal.timeout(600_000)).then(
      (engine) => server.useEngine(engine),
      () => undefined,
    );
  }

  make(cluster: ClusterRecord, member: MemberRecord): MemberServer {
    const spec = cluster.spec.value;
    const engine = this.#engines.get(keyOf(wantedBy(spec, member)));
    if (!engine) throw new Error(`the engine of "${spec.name}" has not been prepared`);
    return createMemberServer(
      {
        cluster: spec.name,
        member: member.id,
        incarnation: member.incarnation,
        engine,
        owner: this.#owner,
        dataDirectory: member.dataDirectory,
        socketDirectory: this.socketDirectory(member.id),
        logDirectory: join(dirname(member.dataDirectory), "log"),
        port: member.port,
        wanted: this.wanted(spec),
        volume: this.volume(spec, member.dataDirectory),
        archives: true,
        launched: (pid) => this.#limits.launched(spec, member.id, pid),
      },
      this.#clock,
    );
  }

  /** What every server of the cluster on this host should have. */
  wanted(spec: ClusterSpec): WantedSettings {
    // Whatever is committed reaches a repository within a minute.
    const archive = spec.backups === undefined ? {} : { archive_timeout: "60" };
    return { generation: spec.generation, settings: { ...this.computed(spec), ...archive, ...spec.settings } };
  }

  /** Settings that follow from the cluster's size. */
  computed(
    spec: Pick<ClusterSpec, "major" | "memoryBytes" | "cpus" | "members" | "volumeBytes">,
  ): Readonly<Record<string, string>> {
    return computeSettings({
      major: spec.major,
      memoryBytes: spec.memoryBytes,
      cpus: spec.cpus,
      diskBytes: Math.min(diskBytesAt(this.#places.home), spec.volumeBytes ?? Number.POSITIVE_INFINITY),
      members: spec.members.length,
    });
  }

  /** The volume that a data directory lies in. */
  volume({ volumeBytes: sizeBytes }: Pick<ClusterSpec, "volumeBytes">, dataDirectory: string): MemberVolume {
    const path = dirname(dataDirectory);
    return {
      make: () => this.pool.create(path, { owner: this.#owner, sizeBytes }),
      remove: () => this.pool.remove(path),
    };
  }

  dataDirectory(cluster: string, member: MemberId): string {
    return join(this.#places.clusters, cluster, member, "data");
  }

  /** Where the relay listens for a member of another host. */
  relayDirectory(member: MemberId): string {
    return this.socketDirectory(`to-${member}`);
  }

  /** Under the home, or where its path would be too long for a socket, under /tmp by the home's name. */
  socketDirectory(member: MemberId): string {
    const directory = join(this.#places.run, member);
    if (Buffer.byteLength(directory) + socketNameBytes <= socketPathBytesMax) return directory;
    const home = createHash("sha256").update(this.#places.home).digest("hex").slice(0, 10);
    return `/tmp/matriarch-${home}/${member}`;
  }
}

export interface WantedEngine extends EngineChoice {
  /** embedded; left out: as its home has it */
  readonly version?: string;
}

function keyOf({ engine, engineDirectory, major, version }: WantedEngine): string {
  return `${engine}-${version ?? major}-${engineDirectory ?? ""}`;
}

function choiceOf({ major, build, binDirectory }: Engine): EngineChoice {
  return { engine: "system", major, ...(build === undefined ? {} : { engineDirectory: binDirectory }) };
}

function wantedBy(choice: EngineChoice, member?: Pick<MemberRecord, "version">): WantedEngine {
  const version = choice.engine === "embedded" ? member?.version : undefined;
  return { ...engineOf(choice), ...(version === undefined ? {} : { version }) };
}

/** Each once; without members, what a member without a version of its own runs on. */
function enginesOf(spec: ClusterSpec, members: readonly MemberRecord[]): readonly WantedEngine[] {
  const wanted = (members.length === 0 ? [undefined] : members).map((member) => wantedBy(spec, member));
  return [...new Map(wanted.map((engine) => [keyOf(engine), engine])).values()];
}

function diskBytesAt(path: string): number {
  const { bsize, blocks } = statfsSync(path);
  return bsize * blocks;
}
