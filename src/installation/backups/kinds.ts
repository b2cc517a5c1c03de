/** Operations on repositories by their names (the one that takes a backup: events/operation-log.ts). */

export const enableKind = "backup enable";
export const disableKind = "backup disable";
export const verifyKind = "backup verify";
