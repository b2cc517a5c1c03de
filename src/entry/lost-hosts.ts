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
  const startedAt = clock.now();
  const lost = new Map<string, number>();
  const tells = (about: string): boolean =>
    hosts
      .all()
      .filter(({ name }) => name !== about && hosts.isHeard(name))
      .every(({ name }) => name >= self);
  const look = (): void => {
    for (const { name } of hosts.all()) {
      if (name === self) continue;
      const heardAt = hosts.heardAt(name) ?? startedAt;
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
