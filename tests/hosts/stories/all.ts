/** Every story, in the order of the table. */
import type { Story } from "../lab/stories.ts";
import { disksAndClocks } from "./disks-and-clocks.ts";
import { engines } from "./engines.ts";
import { hostsLost } from "./hosts-lost.ts";
import { membership } from "./membership.ts";
import { partitions } from "./partitions.ts";
import { processStories } from "./processes.ts";
import { planned } from "./planned.ts";
import { regions } from "./regions.ts";
import { replaced } from "./replaced.ts";
import { storeStories } from "./store.ts";
import { switchovers } from "./switchovers.ts";

export interface Chapter {
  readonly title: string;
  readonly stories: readonly Story[];
}

export const chapters: readonly Chapter[] = [
  { title: "Hosts lost, frozen, switched off", stories: hostsLost },
  { title: "Links cut or bad", stories: partitions },
  { title: "The store", stories: storeStories },
  { title: "Single processes", stories: processStories },
  { title: "Switchovers", stories: switchovers },
  { title: "Restarts and upgrades", stories: planned },
  { title: "Disks and clocks", stories: disksAndClocks },
  { title: "Hosts and members that come and go", stories: membership },
  { title: "Engines", stories: engines },
  { title: "Hosts drained, removed and replaced", stories: replaced },
  { title: "Regions", stories: regions },
];
