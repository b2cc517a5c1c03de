/** Events from what this host's etcd tells of itself. Called by the agent's entry. */
import type { EtcdNews } from "../../drivers/etcd/port.ts";
import type { EventLog } from "../../events/event-log.ts";

/** What is part of its ordinary life stays in the log. */
export function tellEtcdNews(events: EventLog, news: EtcdNews): void {
  const host = events.host ?? "";
  switch (news.kind) {
    case "restarted":
      events.emit("store.member-restarted", { durationMs: Math.round(news.tookMs) }, { host, pid: news.pid });
      break;
    case "silent":
      events.emit("store.member-silent", {}, { host });
      break;
    case "failing":
      events.emit("store.member-failing", {}, { host, reason: news.lastWords });
      break;
    case "rebuilt":
      events.emit(
        "store.member-rebuilt",
        { durationMs: Math.round(news.tookMs) },
        { host, kept_as: news.putAside ?? null },
      );
      break;
    case "alone":
      events.emit("store.rebuilt", {}, { host });
      break;
    case "removed":
      events.emit("store.member-removed", {}, { host });
      break;
    case "quota-reached":
      events.emit("store.quota-reached", {}, { host, bytes: news.databaseBytes });
      break;
    case "quota-cleared":
      events.emit("store.quota-cleared", {}, { host, bytes: news.databaseBytes });
      break;
    case "corrupt":
      events.emit("store.corrupt", {}, { host, member: news.member });
      break;
    case "defragmented":
      events.emit("store.defragmented", {}, { host, before_bytes: news.beforeBytes, after_bytes: news.afterBytes });
      break;
    case "started":
    case "died":
    case "snapshot":
      break;
  }
}
