/** What a process of this host that there is always one of tells of itself. Part of the ports of router, guard and relay. */

export interface Restart {
  readonly oldPid: number | undefined;
  readonly newPid: number;
  /** why the one before is there no more, in the words of an event */
  readonly reason: string;
  /** from the end of the old one to the new one knowing what it has to */
  readonly tookMs: number;
}

export interface Restarts {
  /** Called after one that died, or had fallen silent and was ended, has been replaced. */
  onRestart(listener: (restart: Restart) => void): void;
  /** Called once for each time that it cannot be started; it is tried on by itself. */
  onFailure(listener: (error: unknown) => void): void;
}
