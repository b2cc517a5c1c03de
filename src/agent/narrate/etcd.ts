/** Events from what this host's etcd tells of itself. Called by the agent's entry. */
import type { EtcdNews } from "../../drivers/etcd/port.ts";
import type { EventLog } from "../../events/event-log.ts";

/** What is part of its ordinary life stays in the log. */
export function tellEtcdNews(events: EventLog, news: EtcdNews): void {
  switch (news.kind) {
    case "restarted":
      events.emit("store.member-restarted", { durationMs: Math.round(news.tookMs) }, { pid: news.pid });
      break;
    case "silent":
      events.emit("store.member-silent", {}, { pid: news.pid });
      break;
    case "failing":
      events.emit("store.member-failing", {}, { reason: news.lastWords });
      break;
    case "rebuilt":
      events.emit("store.member-rebuilt", { durationMs: Math.round(news.tookMs) }, { kept_as: news.putAside ?? null });
      break;
    case "removed":
      events.emit("store.member-removed", {});
      break;
    case "quota-reached":
      events.emit("store.quota-reached", {}, { used_bytes: news.databaseBytes });
      break;
    case "quota-cleared":
      events.emit("store.quota-cleared", {}, { used_bytes: news.databaseBytes });
      break;
    case "corrupt":
      events.emit("store.corrupt", {}, { store_member: news.member });
      break;
    case "started":
    case "died":
    case "defragmented":
    case "snapshot":
      break;
  }
}
