/** Where this host keeps what pgBackRest works with: `backups/CLUSTER` below the home. */
import { join } from "node:path";
import type { RepositoryNumber } from "../../domain/backup.ts";

export interface BackupPlaces {
  readonly home: string;
}

/** Passable by all; what is secret lies in directories below that only their owners enter. */
export function placeOf({ home }: BackupPlaces, cluster: string): string {
  return join(home, "backups", cluster);
}

/** Of the agent: which repositories there are, with their secrets. */
export function bookFile(places: BackupPlaces, cluster: string): string {
  return join(placeOf(places, cluster), "repositories.json");
}

/** Of the servers' user: configuration files and the files that they name. */
export function configDirectory(places: BackupPlaces, cluster: string): string {
  return join(placeOf(places, cluster), "conf");
}

/** Of the servers' user: locks, and what running commands say. */
export function runDirectory(places: BackupPlaces, cluster: string): string {
  return join(placeOf(places, cluster), "run");
}

/** For the member's server: what it pushes its log to one repository with. */
export function memberConfig(
  places: BackupPlaces,
  cluster: string,
  member: string,
  repository: RepositoryNumber,
): string {
  return join(configDirectory(places, cluster), `${member}-to-${repository}.conf`);
}
