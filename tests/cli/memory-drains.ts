/** Drains that send nothing. Only tests may import it. */
import type { DrainsInstallation, DrainStatus } from "../../src/contract/drains.ts";
import { OpError } from "../../src/errors/op-error.ts";

export function createMemoryDrains(): DrainsInstallation {
  const drains = new Map<string, DrainStatus>();
  const find = (id: string): void => {
    if (!drains.has(id)) throw new OpError("drain-not-found", { message: `there is no drain "${id}"` });
  };
  const none = { sent: 0, rejected: 0, dropped_bytes: 0, failing_since: null, reason: null };
  return {
    list: async () => [...drains.values()],
    async add({ cluster, to, level, token }) {
      const id = `drain${drains.size + 1}`;
      drains.set(id, { id, cluster, to, level, has_token: token !== undefined, ...none });
      return { id, missing: [] };
    },
    async remove(id) {
      find(id);
      drains.delete(id);
      return { id, missing: [] };
    },
    async test(id) {
      find(id);
      return { id, ok: true, took_ms: 1, reason: null };
    },
  };
}
