/**
 * Makes the driver of a member's server from the cluster's records: engine, directories, settings. Engines are looked
 * up once for a cluster (`prepare`), before its loops begin; after that making a driver is immediate.
 */
import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ClusterRecord, ClusterSpec, MemberId, MemberRecord } from "../domain/cluster.ts";
import { computeSettings } from "../drivers/postgres/configuration/defaults.ts";
import { ensureEmbeddedEngine } from "../drivers/postgres/engine/embedded.ts";
import { findSystemEngine } from "../drivers/postgres/engine/system.ts";
import { createMemberServer } from "../drivers/postgres/member-server.ts";
import type { Engine, MemberServer, MemberVolume, ServerOwner } from "../drivers/postgres/port.ts";
import type { VolumePool } from "../drivers/volume/port.ts";
import type { Clock } from "./clock.ts";

/** Room that a socket's name needs after its directory: `/.s.PGSQL.65535`. */
const socketNameBytes = 15;
/** Of a Unix socket's path. Source: unix(7); macOS has 104. */
const socketPathBytesMax = 103;

export interface ServerPlaces {
  /** `<home>/clusters` */
  readonly clusters: string;
  /** `<home>/run` */
  readonly run: string;
  readonly home: string;
}

export class MemberServers {
  readonly #places: ServerPlaces;
  readonly #owner: ServerOwner | undefined;
  readonly #clock: Clock;
  /** where the members' storage comes from */
  readonly pool: VolumePool;
  readonly #engines = new Map<string, Engine>();

  constructor(places: ServerPlaces, owner: ServerOwner | undefined, clock: Clock, pool: VolumePool) {
    this.#places = places;
    this.#owner = owner;
    this.#clock = clock;
    this.pool = pool;
  }

  get owner(): ServerOwner | undefined {
    return this.#owner;
  }

  /** Finds, or installs, what the cluster's servers run on. */
  async prepare(cluster: ClusterRecord): Promise<void> {
    await this.engine(cluster.spec.value, () => undefined, AbortSignal.timeout(600_000));
  }

  /** The engine of a spec, installed first when it is not there. `told` hears a line for each step. */
  async engine(
    spec: Pick<ClusterSpec, "engine" | "major">,
    told: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Engine> {
    const key = `${spec.engine}-${spec.major}`;
    const known = this.#engines.get(key);
    if (known) return known;
    const engine =
      spec.engine === "system"
        ? await findSystemEngine(spec.major)
        : await ensureEmbeddedEngine(this.#places.home, spec.major, { progress: told, signal });
    this.#engines.set(key, engine);
    return engine;
  }

  /** `18.4`; undefined until the engine has been looked up */
  versionOf(spec: Pick<ClusterSpec, "engine" | "major">): string | undefined {
    return this.#engines.get(`${spec.engine}-${spec.major}`)?.version;
  }

  make(cluster: ClusterRecord, member: MemberRecord): MemberServer {
    const spec = cluster.spec.value;
    const engine = this.#engines.get(`${spec.engine}-${spec.major}`);
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
        settings: { ...this.computed(spec), ...spec.settings },
        volume: this.volume(spec, member.dataDirectory),
      },
      this.#clock,
    );
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

function diskBytesAt(path: string): number {
  const { bsize, blocks } = statfsSync(path);
  return bsize * blocks;
}
