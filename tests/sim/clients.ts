/**
 * Clients: writers and readers that come through the endpoint of a host (it follows the open reign on that host's
 * record), and some that know a member's own port and stay there. What a server acknowledges is told to the checker at
 * that moment, whether or not the word arrives.
 */
import type { PgServer } from "./postgres-model.ts";
import type { Host, World } from "./world.ts";

export interface Client {
  readonly name: string;
  /** the host whose endpoint, or whose network, it uses */
  readonly host: Host;
  /** a member's own port; undefined: the endpoint */
  readonly direct: string | undefined;
  readonly kind: "writer" | "reader";
}

const patienceMs = 3000;

export class Clients {
  /** moments at which an answer of a write through an endpoint arrived, by host */
  readonly lastAcknowledged = new Map<string, number>();
  acknowledged = 0;
  unknown = 0;
  #nextWrite = 1;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  start(client: Client): void {
    const again = (): void => {
      if (!this.#world.isQuiet) this.#once(client);
      this.#world.scheduler.after(this.#world.random.between(20, 160), again);
    };
    this.#world.scheduler.after(this.#world.random.between(0, 500), again);
  }

  #once(client: Client): void {
    const member = client.direct ?? this.#route(client.host);
    const server = member === undefined ? undefined : this.#world.server(member);
    if (!server || (client.direct === undefined && !client.host.endpoint.admits())) return;
    const gone = client.direct === undefined ? client.host.endpoint.begin() : () => undefined;
    this.#world.scheduler.after(patienceMs, gone);
    this.#world.network.send(client.host.id, server.host, () =>
      server.part.run(() =>
        client.kind === "writer" ? this.#write(client, server, gone) : this.#read(client, server, gone),
      ),
    );
  }

  /** The endpoint: the holder of the open reign as this host knows it; while clients are held, nobody. */
  #route(host: Host): string | undefined {
    const { record } = host.agent;
    if (!record || record.reign.value.phase !== "open") return undefined;
    if (host.heldEpoch === record.reign.value.epoch && record.intent) return undefined;
    return record.reign.value.holder;
  }

  #write(client: Client, server: PgServer, gone: () => void): void {
    if (!server.serves || !server.dir) return gone();
    const leave = server.join();
    const write = this.#nextWrite++;
    let answered = false;
    server.commit(write, (outcome) => {
      if (answered) return;
      answered = true;
      leave();
      gone();
      if (outcome === "unknown") {
        this.unknown += 1;
        return;
      }
      const record = find(server, write);
      if (record) this.#world.checker.acknowledge(server, write, record);
      this.acknowledged += 1;
      this.#world.network.send(server.host, client.host.id, () => {
        if (client.direct === undefined) this.lastAcknowledged.set(client.host.id, this.#world.scheduler.now);
      });
    });
    this.#world.scheduler.after(patienceMs, () => {
      if (!answered) this.unknown += 1;
      leave();
    });
  }

  #read(client: Client, server: PgServer, gone: () => void): void {
    server.join()();
    gone();
    if (server.serves) this.#world.checker.read(server, client.direct === undefined ? server.visible : undefined);
  }
}

function find(server: PgServer, write: number) {
  for (let record = server.dir?.tip; record; record = record.before) if (record.write === write) return record;
  return undefined;
}
