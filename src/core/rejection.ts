/** Why a member cannot become primary, in words. */
import type { Rejection } from "./candidates.ts";

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
    case "not-asked-for":
      return `another member than ${who} was asked for`;
    case "loses-too-much":
      return `${who} may lack ${rejection.bytes} bytes of acknowledged writes, and ${rejection.bytesMax} may be lost`;
  }
}
