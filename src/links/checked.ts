/**
 * What came from outside, checked field by field in the processes that have no schema library. Pure; every function
 * throws a TypeError that names the field.
 */
import type { HostAddress } from "../domain/host.ts";

export function object(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${name}: not an object`);
  return { ...value };
}

export function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${name}: not a list`);
  return value;
}

export function text(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw new TypeError(`${name}: not a text`);
  return value;
}

export function integer(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError(`${name}: not a count`);
  return value;
}

export function port(value: unknown, name: string): number {
  const number = integer(value, name);
  if (number < 1 || number > 65_535) throw new TypeError(`${name}: not a port`);
  return number;
}

export function oneOf<const T extends string>(value: unknown, allowed: readonly T[], name: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new TypeError(`${name}: not one of ${allowed.join(", ")}`);
  return found;
}

/** Finite, with or without a fraction. */
export function number(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError(`${name}: not a number`);
  return value;
}

export function bool(value: unknown, name: string): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${name}: neither true nor false`);
  return value;
}

export function hostAddress(input: unknown): HostAddress {
  const value = object(input, "host");
  return {
    name: text(value["name"], "name"),
    address: text(value["address"], "address"),
    basePort: port(value["basePort"], "basePort"),
  };
}
