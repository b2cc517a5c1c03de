/** Notices hosts that fall silent and come back: each host cuts what leads to them, one of those that are left tells of it. */
import type { Clock } from "../agent/clock.ts";
import type { EventLog } from "../events/event-log.ts";
import type { Hosts } from "../installation/parts.ts";

export interface LostHostsParts {
  readonly self: string;
  readonly hosts: Hosts;
  readonly clock: Clock;
  readonly events: EventLog;
  /** connections to that host end now, not when TCP gives them up */
  readonly cut: (host: string) => Promise<void>;
}

const lookEveryMs = 500;
/** A hiccup is no loss. */
const lostAfterMs = 5000;

export function watchHosts({ self, hosts, clock, events, cut }: LostHostsParts): { close(): void } {
  /** since when each one is a host: what was before is no silence */
  const known = new Map<string, number>();
  const lost = new Map<string, number>();
  const tells = (about: string): boolean =>
    hosts
      .all()
      .filter(({ name }) => name !== about && hosts.isHeard(name))
      .every(({ name }) => name >= self);
  const forgetRemoved = (): void => {
    const names = new Set(hosts.all().map(({ name }) => name));
    for (const name of [...known.keys()].filter((candidate) => !names.has(candidate))) {
      known.delete(name);
      lost.delete(name);
    }
  };
  const look = (): void => {
    forgetRemoved();
    for (const { name } of hosts.all()) {
      if (name === self) continue;
      if (!known.has(name)) known.set(name, clock.now());
      const heardAt = hosts.heardAt(name) ?? known.get(name) ?? clock.now();
      const since = lost.get(name);
      if (clock.now() - heardAt > lostAfterMs) {
        if (since !== undefined) continue;
        lost.set(name, heardAt);
        if (tells(name)) events.emit("host.lost", {}, { host: name, silent_ms: Math.round(clock.now() - heardAt) });
        void cut(name).catch(() => undefined);
      } else if (since !== undefined) {
        lost.delete(name);
        if (tells(name)) events.emit("host.back", {}, { host: name, away_ms: Math.round(clock.now() - since) });
      }
    }
  };
  const timer = setInterval(look, lookEveryMs);
  return { close: () => clearInterval(timer) };
}
