/**
 * Every event that a user can see, once: its level, what it means, and the sentence that tells it. Whoever emits one
 * gives the fields that its sentence names; docs/events.md is generated from here.
 */
import { auditEvents } from "./audit-events.ts";
import { backupEvents } from "./backup-events.ts";
import { clusterEvents } from "./cluster-events.ts";
import { drainEvents } from "./drain-events.ts";
import { extensionEvents } from "./extension-events.ts";
import { hookEvents } from "./hook-events.ts";
import { hostEvents } from "./host-events.ts";
import type { EventKind } from "./kind.ts";
import { memberEvents } from "./member-events.ts";
import { poolEvents } from "./pool-events.ts";
import { partEvents } from "./part-events.ts";
import { proofEvents } from "./proof-events.ts";
import { storageEvents } from "./storage-events.ts";
import { storeEvents } from "./store-events.ts";

export const eventCatalog = {
  ...clusterEvents,
  ...memberEvents,
  ...hostEvents,
  ...extensionEvents,
  ...hookEvents,
  ...drainEvents,
  ...partEvents,
  ...poolEvents,
  ...storageEvents,
  ...backupEvents,
  ...proofEvents,
  ...storeEvents,
  ...auditEvents,
};

export type EventType = keyof typeof eventCatalog;

/** The fields that an event of this type carries. */
export type FieldsOf<T extends EventType> = (typeof eventCatalog)[T] extends EventKind<infer F> ? F : never;
