import type { Engine } from "../port.ts";

/** Engines that the machine has, newest first, one per major. */
export function findSystemEngines(): Promise<readonly Engine[]> {
  throw new Error("to be written");
}

/** @throws OpError engine-missing */
export function findSystemEngine(major: number | undefined): Promise<Engine> {
  throw new Error(`to be written ${major}`);
}

/** Path of the newest psql. */
export function findPsql(): Promise<string | undefined> {
  throw new Error("to be written");
}
