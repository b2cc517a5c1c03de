/** Why a member cannot become primary, in words. */
import type { MemberId } from "../domain/cluster.ts";

export type Rejection =
  | { readonly member: MemberId; readonly code: "is-primary" | "not-running" | "not-heard" | "not-streaming" }
  | { readonly member: MemberId; readonly code: "not-a-voter" | "being-removed" | "not-asked-for" }
  | { readonly member: MemberId; readonly code: "too-far-behind"; readonly bytes: number; readonly bytesMax: number }
  | { readonly member: MemberId; readonly code: "much-to-replay"; readonly bytes: number; readonly bytesMax: number }
  | { readonly member: MemberId; readonly code: "loses-too-much"; readonly bytes: number; readonly bytesMax: number }
  | { readonly member: MemberId; readonly code: "stands-back"; readonly forMs: number }
  | { readonly member: MemberId; readonly code: "follows-a-standby"; readonly upstream: MemberId }
  | {
      readonly member: MemberId;
      readonly code: "other-region";
      readonly region: string;
      readonly primaryRegion: string;
    };

export function formatRejection(rejection: Rejection): string {
  const who = `"${rejection.member}"`;
  switch (rejection.code) {
    case "is-primary":
      return `${who} is the primary already`;
    case "not-running":
      return `${who} has no running server`;
    case "not-heard":
      return `${who} has not been heard of`;
    case "not-streaming":
      return `${who} is not streaming from the primary`;
    case "not-a-voter":
      return `${who} is not a voter yet: it has not caught up since it was copied`;
    case "too-far-behind":
      return `${who} is ${rejection.bytes} bytes behind, and ${rejection.bytesMax} are allowed`;
    case "much-to-replay":
      return `${who} has ${rejection.bytes} bytes of log to replay, and ${rejection.bytesMax} are allowed`;
    case "being-removed":
      return `${who} is being removed`;
    case "stands-back":
      return `${who} could not serve when it was elected before, and stands back for ${(rejection.forMs / 1000).toFixed(1)} s`;
    case "follows-a-standby":
      return `${who} follows "${rejection.upstream}", and is no voter`;
    case "other-region":
      return `${who} is in region "${rejection.region}", and the primary belongs in "${rejection.primaryRegion}"`;
    case "not-asked-for":
      return `another member than ${who} was asked for`;
    case "loses-too-much":
      return `${who} may lack ${rejection.bytes} bytes of acknowledged writes, and ${rejection.bytesMax} may be lost`;
  }
}
