/**
 * Groups of processes that the kernel keeps to an amount of memory and of processor time: one for each member's server.
 * Called by the agent (agent/limits/). A machine that has no such groups, or does not let this user make them, is an
 * `Obstacle`: nothing else changes because of it.
 */

/** undefined: as much as the machine has */
export interface Limit {
  readonly memoryBytes: number | undefined;
  readonly cpus: number | undefined;
}

export interface GroupUse {
  /** what the kernel cannot take back by dropping cached files: memory of processes, shared buffers, page tables */
  readonly heldBytes: number;
  readonly memoryLimitBytes: number | undefined;
  /** processes that the kernel has ended in this group because its memory was used up, since the group was made */
  readonly outOfMemoryKills: number;
}

/** Why nothing can be limited, and how it could be; both for people. */
export interface Obstacle {
  readonly why: string;
  readonly how: string;
}

export interface Groups {
  /** for people: `cgroup v1` */
  readonly kind: string;
  /**
   * A process that has just been started is in the group before it has done anything: what it takes earlier would be
   * counted elsewhere for ever. At once, for there is no waiting for it. A new group has the limit from the beginning.
   * @throws Error when the kernel refuses
   */
  launch(name: string, pid: number, limit: Limit): void;
  /**
   * A process that ran before is in the group from now on, with every child that it has or will have; what it took
   * elsewhere stays counted there. Safe to repeat.
   * @throws Error when the kernel refuses
   */
  admit(name: string, pid: number): Promise<void>;
  /**
   * Puts the limit in force for what is in the group. Memory is never limited below what is held: the kernel would end
   * processes at once. @param mayTake less memory than now is allowed at all @returns whether it is in force as asked
   */
  change(name: string, limit: Limit, mayTake: boolean): Promise<boolean>;
  /** undefined: there is no such group */
  use(name: string): Promise<GroupUse | undefined>;
  /** Does nothing while processes are in it, and never throws. @returns whether there is no such group now */
  remove(name: string): Promise<boolean>;
  /** Takes away groups without processes, of members that an earlier agent did not see to the end. Never throws. */
  sweep(): Promise<void>;
}
