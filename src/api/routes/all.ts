/** Every route of the API. A new file of routes is one line here; the document, the roles and the client follow from it. */
import type { Route } from "../route.ts";
import { accountRoutes } from "./accounts.ts";
import { agentRoutes } from "./agent.ts";
import { auditRoutes } from "./audit.ts";
import { backupRoutes } from "./backups.ts";
import { certificateRoutes } from "./certificates.ts";
import { changeRoutes } from "./changes.ts";
import { clusterRoutes } from "./clusters.ts";
import { drainRoutes } from "./drains.ts";
import { eventRoutes } from "./events.ts";
import { extensionRoutes } from "./extensions.ts";
import { hostRoutes } from "./hosts.ts";
import { importRoutes } from "./imports.ts";
import { joinRoutes } from "./join.ts";
import { memberRoutes } from "./members.ts";
import { monitoringRoutes } from "./monitoring.ts";
import { operationRoutes } from "./operations.ts";
import { peerRoutes } from "./peer.ts";
import { proofRoutes } from "./proofs.ts";
import { settingRoutes } from "./settings.ts";
import { storageRoutes } from "./storage.ts";
import { tokenRoutes } from "./tokens.ts";
import { tunnelRoutes } from "./tunnels.ts";
import { upgradeRoutes } from "./upgrades.ts";

export const routes: readonly Route[] = [
  ...agentRoutes,
  ...clusterRoutes,
  ...changeRoutes,
  ...memberRoutes,
  ...accountRoutes,
  ...storageRoutes,
  ...backupRoutes,
  ...proofRoutes,
  ...extensionRoutes,
  ...settingRoutes,
  ...upgradeRoutes,
  ...importRoutes,
  ...eventRoutes,
  ...drainRoutes,
  ...tunnelRoutes,
  ...monitoringRoutes,
  ...operationRoutes,
  ...hostRoutes,
  ...joinRoutes,
  ...peerRoutes,
  ...auditRoutes,
  ...tokenRoutes,
  ...certificateRoutes,
];
