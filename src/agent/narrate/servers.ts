/** Events from how members' servers come and go: started, taken over, ended by themselves, copied, back in the stream. */
import type { Action, ActionResult } from "../../core/action.ts";
import type { Decision } from "../../core/decision.ts";
import { formatReason, type Reason } from "../../core/reason.ts";
import { isAsleep, type ClusterRecord, type MemberId } from "../../domain/cluster.ts";
import type { Server } from "../../domain/server.ts";
import type { EventContext, EventLog } from "../../events/event-log.ts";
import { followsHolder } from "../endpoints.ts";
import type { MemberLoop } from "../member-loop.ts";

interface Story {
  kind: Server["kind"] | undefined;
  role: "primary" | "standby";
  streaming: boolean;
  /** it has streamed before, under this agent */
  hasStreamed: boolean;
  /** it was seen under this agent, and its loss was not told since; a new member's is not lost */
  hasDirectory: boolean;
  /** how it came back: told when it streams */
  how: "follow" | "rewind" | "clone";
  /** why it was rebuilt last */
  why: Reason | undefined;
  /** what it has must be kept, and there is no room for a copy beside it */
  lacksRoom: boolean;
  /** the agent ends it itself */
  ending: boolean;
  /** libraries that it was told to lack */
  missing: string;
  /** it stopped because the cluster fell asleep: that is told once, for all of them, and so is the waking */
  slept: boolean;
}

export class ServerStories {
  readonly #events: EventLog;
  readonly #cluster: string;
  readonly #stories = new Map<MemberId, Story>();

  constructor(events: EventLog, cluster: string) {
    this.#events = events;
    this.#cluster = cluster;
  }

  observed(member: MemberLoop, decision: Decision, cluster: ClusterRecord): void {
    const story = this.#storyOf(member.id);
    const server = member.observed;
    if (decision.because.code === "cloning" || decision.because.code === "rewinding") story.why = decision.because.why;
    if (server.kind !== "absent") story.hasDirectory = true;
    else if (story.hasDirectory && isForLack(decision.because)) {
      const { epoch } = cluster.reign.value;
      this.#events.emit("directory.lost", { cluster: this.#cluster, member: member.id, epoch });
      story.hasDirectory = false;
    }
    if (server.kind === "stopped" && isAsleep(cluster)) story.slept ||= isEnded(member, story);
    if (server.kind !== story.kind) this.#changed(member, story, server, decision);
    if (server.kind === "running" || server.kind === "unresponsive") story.role = server.role;
    story.kind = server.kind;
    this.#missesLibraries(member.id, story, server);
    // A former primary comes back; it does not join for the first time.
    if (server.kind === "running" && server.role === "primary") {
      story.hasStreamed = true;
      story.slept = false;
    }
    const streaming = followsHolder(cluster, server);
    if (streaming && !story.streaming) this.#streams(member.id, story);
    story.streaming = streaming;
  }

  ended(member: MemberLoop, action: Action, result: ActionResult, tookMs: number): void {
    const story = this.#storyOf(member.id);
    const about = { cluster: this.#cluster, member: member.id, durationMs: Math.round(tookMs) };
    if (action.kind === "stop" || action.kind === "fence") story.ending = result.outcome === "done";
    if (action.kind === "start") story.ending = false;
    const why = story.why ? formatReason(story.why) : "it needs a new copy";
    if (action.kind === "rewind") {
      story.how = "rewind";
      if (result.outcome === "done") this.#events.emit("rejoin.rewind", about, { source: action.source, reason: why });
      else
        this.#events.emit("rejoin.rewind-failed", about, {
          source: action.source,
          reason: result.message ?? "unknown",
        });
    }
    if (action.kind === "clone") {
      story.how = "clone";
      if (result.noRoom === true) return this.#hasNoRoom(about, story, result.message ?? "unknown");
      story.lacksRoom = false;
      if (result.outcome === "done") this.#events.emit("rejoin.clone", about, { source: action.source, reason: why });
      else this.#events.emit("clone.failed", about, { source: action.source, reason: result.message ?? "unknown" });
    }
  }

  /** It is tried every few seconds, and told once. */
  #hasNoRoom(about: EventContext, story: Story, reason: string): void {
    if (!story.lacksRoom) this.#events.emit("member.no-room-to-keep", about, { reason });
    story.lacksRoom = true;
  }

  #changed(member: MemberLoop, story: Story, server: Server, decision: Decision): void {
    const about = { cluster: this.#cluster, member: member.id };
    const first = story.kind === undefined;
    if (server.kind === "running" && first)
      this.#events.emit("server.adopted", about, { role: server.role, pid: member.server.pid ?? 0 });
    else if (server.kind === "running" && story.kind !== "unresponsive" && !story.slept)
      this.#events.emit("server.started", about, { role: server.role, pid: member.server.pid ?? 0 });
    if (server.kind !== "stopped" || first || story.kind === "absent") return;
    if (story.slept) return;
    if (story.ending || member.isBusy("stop", "fence")) this.#events.emit("server.stopped", about);
    else if (story.role === "primary")
      this.#events.emit("primary.lost", about, {
        reason: server.lastWords ?? formatReason(decision.because),
      });
    else if (server.failures > 1)
      this.#events.emit("server.start-failed", about, {
        reason: server.lastWords ?? "see its log",
        tries: server.failures,
      });
    else
      this.#events.emit("server.crashed", about, {
        role: story.role,
        reason: server.lastWords ?? "its process is gone",
      });
  }

  #missesLibraries(member: MemberId, story: Story, server: Server): void {
    if (server.kind !== "running") return;
    const libraries = server.missingLibraries ?? [];
    const isNews = libraries.length > 0 && libraries.join() !== story.missing;
    story.missing = libraries.join();
    if (isNews) this.#events.emit("library.missing", { cluster: this.#cluster, member }, { libraries });
  }

  #streams(member: MemberId, story: Story): void {
    const about = { cluster: this.#cluster, member };
    const isAwakeAgain = story.slept && story.how === "follow";
    story.slept = false;
    if (isAwakeAgain) return;
    if (story.hasStreamed) this.#events.emit("standby.rejoined", about, { how: story.how });
    else this.#events.emit("standby.joined", about);
    story.hasStreamed = true;
    story.how = "follow";
  }

  #storyOf(member: MemberId): Story {
    let story = this.#stories.get(member);
    if (!story) {
      story = {
        kind: undefined,
        role: "standby",
        streaming: false,
        hasDirectory: false,
        hasStreamed: false,
        how: "follow",
        why: undefined,
        lacksRoom: false,
        ending: false,
        missing: "",
        slept: false,
      };
      this.#stories.set(member, story);
    }
    return story;
  }
}

/** It was not there before, or the agent has ended it: it has not ended by itself. */
function isEnded(member: MemberLoop, story: Story): boolean {
  return story.kind === undefined || story.ending || member.isBusy("stop", "fence");
}

function isForLack(because: Reason): boolean {
  const { code } = because.code === "cloning" || because.code === "rewinding" ? because.why : because;
  return code === "directory-gone" || code === "no-directory";
}
