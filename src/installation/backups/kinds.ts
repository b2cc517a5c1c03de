/** Operations on repositories by their names (those that only look on: events/operation-log.ts). */

export const enableKind = "backup enable";
export const disableKind = "backup disable";
