/** Who asked for a change. Named by every method of the contract that changes something. */

export interface Asked {
  /** operating-system user of the caller, or the name of its certificate */
  readonly by: string;
}
