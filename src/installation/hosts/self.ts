/**
 * What a host calls itself: from the flags of `host init` and `host join`, else from the machine; and what it can run.
 * Called on the host itself; admit.ts checks the same again on the other side with `refuseBadSelf`.
 */
import { hostname, networkInterfaces } from "node:os";
import { isIP } from "node:net";

import type { HostOptions } from "../../contract/host.ts";
import { localRegion, localZone, usualBasePort } from "../../domain/host.ts";
import { hostNameProblem, placeNameProblem } from "../../domain/names.ts";
import { embeddedReleases } from "../../drivers/postgres/engine/catalog.ts";
import { findSystemEngines } from "../../drivers/postgres/engine/system.ts";
import { OpError } from "../../errors/op-error.ts";

export interface HostSelf {
  readonly name: string;
  readonly address: string;
  readonly basePort: number;
  readonly zone: string;
  readonly region: string;
}

/** @param usualAddress where none was asked for. @throws OpError bad-name, bad-value */
export function resolveSelf(options: HostOptions, usualAddress: () => string): HostSelf {
  const self = {
    name: options.name ?? usualName(),
    address: options.address ?? usualAddress(),
    basePort: options.basePort ?? usualBasePort,
    zone: options.zone ?? localZone,
    region: options.region ?? localRegion,
  };
  refuseBadSelf(self);
  return self;
}

/** @throws OpError bad-name, bad-value */
export function refuseBadSelf({ name, address, basePort, zone, region }: HostSelf): void {
  const problem = hostNameProblem(name);
  if (problem !== undefined) {
    throw new OpError("bad-name", {
      message: `"${name}" cannot be the name of a host`,
      detail: problem,
      hint: "Give another one with --name, for example --name db-1.",
    });
  }
  const place = placeNameProblem(zone) ?? placeNameProblem(region);
  if (place !== undefined)
    throw new OpError("bad-value", { message: "the zone or the region cannot be used", detail: place });
  if (!Number.isInteger(basePort) || basePort < 1024 || basePort > 65_500)
    throw new OpError("bad-value", { message: `base port ${basePort} is not between 1024 and 65500` });
  refuseBadAddress(address);
}

function refuseBadAddress(address: string): void {
  const isName = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(address) && !/^[0-9.]+$/.test(address);
  const isAny = ["0.0.0.0", "::", "::0"].includes(address);
  if ((isIP(address) !== 0 || isName) && !isAny) return;
  throw new OpError("bad-value", {
    message: `"${address}" is not an address by which other hosts could reach this one`,
    hint: "Give an IP address or a name, without a port, for example --address 10.0.0.1",
  });
}

function usualName(): string {
  const short = (hostname().split(".")[0] ?? "").toLowerCase().replaceAll(/[^a-z0-9-]/g, "-");
  return short.replaceAll(/^-+|-+$/g, "").slice(0, 40);
}

/** @throws OpError bad-value when the machine has none, or more than one: then a person knows which */
export function onlyAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address }) => address);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new OpError("bad-value", {
    message:
      found.length === 0
        ? "this machine has no address that other hosts could reach"
        : "this machine has several addresses",
    ...(found.length === 0 ? {} : { detail: `They are ${found.join(", ")}.` }),
    hint: "Name the one by which the other hosts reach this one, with --address",
  });
}

/** Majors that this host can run. Embedded ones are fetched when they are first needed. */
export async function findEngines(): Promise<{
  readonly embedded: readonly number[];
  readonly system: readonly number[];
}> {
  const platform = `${process.platform}-${process.arch}`;
  const embedded = Object.entries(embeddedReleases)
    .filter(([, { integrity }]) => Object.hasOwn(integrity, platform))
    .map(([major]) => Number(major));
  const system = (await findSystemEngines()).map(({ major }) => major);
  return { embedded: embedded.toSorted((a, b) => b - a), system };
}
