/** Makes restore points, and finds them again. Each is a record in the cluster's log that its primary writes. */
import type { Asked } from "../../../contract/asked.ts";
import { restorePointSchema, type RestorePointRequest, type RestorePointStatus } from "../../../contract/storage.ts";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import type { MemberRecord } from "../../../domain/cluster.ts";
import { parseLsn } from "../../../domain/lsn.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import { withSession } from "../../../drivers/postgres/session/session.ts";
import { OpError } from "../../../errors/op-error.ts";
import { awake } from "../../awake.ts";
import { clusterOf, isHere, type Parts } from "../../parts.ts";
import { servingPrimary } from "../../status.ts";
import { keepPoint, statusOf, type RestorePoint } from "./points-file.ts";
import { listWindows } from "./windows.ts";

const statementMs = 10_000;
const forwardMs = 15_000;
/** As Postgres takes it, without what would have to be quoted somewhere. */
const nameText = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$/;

export async function makePoint(
  parts: Parts,
  name: string,
  request: RestorePointRequest,
  asked: Asked,
): Promise<RestorePointStatus> {
  refuseName(request.name);
  const cluster = await awake(parts, name, asked);
  const primary = primaryOf(cluster);
  if (!isHere(parts, primary)) return forward(parts, name, primary, request, asked);
  const known = await listWindows(parts, name, { here: request.here });
  if (known.points.some((point) => point.is_current && point.name === request.name))
    throw new OpError("restore-point-exists", {
      message: `"${name}" has a restore point "${request.name}" already`,
      hint: "Choose another name.",
    });
  return statusOf(await writePoint(parts, cluster, request.name, asked.by), true);
}

/** On the primary, which is here. */
async function writePoint(parts: Parts, cluster: ClusterRuntime, name: string, by: string): Promise<RestorePoint> {
  const primary = primaryOf(cluster);
  const { spec } = cluster.record;
  const socketDirectory = cluster.members.get(primary.id)?.socketDirectory ?? "";
  const options = { withinMs: statementMs };
  const [row] = await withSession({ socketDirectory, port: primary.port }, options, (session) =>
    session.query(pointSql, [name], options),
  );
  const point: RestorePoint = {
    name,
    at: parts.clock.wallNow(),
    by,
    lsn: row?.["lsn"] ?? "",
    timeline: cluster.record.reign.value.timeline,
    systemIdentifier: spec.value.systemIdentifier,
  };
  await keepPoint(parts, spec.value.name, point);
  parts.events.emit("restore.point-made", { cluster: cluster.name, actor: by }, { point: name, lsn: point.lsn });
  return point;
}

/** The position after it: what is restored ends just before that. */
const pointSql = "SELECT pg_catalog.pg_create_restore_point($1)::text AS lsn";

/** @throws OpError restore-point-not-found with those that there are */
export async function targetOfPoint(parts: Parts, name: string, wanted: string): Promise<RecoveryTarget> {
  const { points, missing } = await listWindows(parts, name, { here: false });
  const found = points.toReversed().find((point) => point.name === wanted);
  if (found)
    return {
      kind: "lsn",
      lsn: parseLsn(found.lsn),
      isInclusive: false,
      systemIdentifier: found.system_identifier,
      ms: Date.parse(found.made_at),
    };
  throw notFound(name, wanted, [...new Set(points.map((point) => `"${point.name}"`))].slice(-10), missing);
}

/** @param missing hosts that did not say what they have: each host knows the points that it made */
function notFound(
  name: string,
  wanted: string,
  names: readonly string[],
  missing: readonly { readonly host: string }[],
): OpError {
  const known = names.length === 0 ? "None is known." : `There are ${names.join(", ")}.`;
  const away = missing.map(({ host }) => `"${host}"`).join(", ");
  return new OpError("restore-point-not-found", {
    message: `"${name}" has no restore point "${wanted}"`,
    detail: away === "" ? known : `${known} Nothing is heard of ${away}, where more may have been made.`,
    hint:
      away === ""
        ? "One that was made with SQL is restored to by its position: --lsn."
        : `Its event has its position, which can be restored to with --lsn: matriarch events ${name} --type restore.point-made`,
  });
}

function refuseName(name: string): void {
  if (nameText.test(name)) return;
  throw new OpError("bad-name", {
    message: `"${name}" cannot be the name of a restore point`,
    detail:
      "It has up to 63 letters, digits, dots, colons, hyphens and underscores, and begins with a letter or digit.",
  });
}

function primaryOf(cluster: ClusterRuntime): MemberRecord {
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  if (record) return record;
  throw new OpError("no-primary", {
    message: `cluster "${cluster.name}" has no primary now`,
    hint: `See: matriarch explain ${cluster.name}`,
  });
}

async function forward(
  parts: Parts,
  name: string,
  { host, id }: MemberRecord,
  request: RestorePointRequest,
  { by }: Asked,
): Promise<RestorePointStatus> {
  if (request.here) throw new OpError("no-primary", { message: `"${id}" is not on this host`, hint: "Try again." });
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/restore-points`,
    body: { ...request, here: true },
    as: { by, role: "operator" },
    deadlineMs: forwardMs,
  });
  return restorePointSchema.parse(answer);
}

/** Made by itself: its name has the time in it, and is nobody else's. */
export async function makeOwnPoint(parts: Parts, name: string, what: string): Promise<string> {
  const cluster = clusterOf(parts, name);
  const primary = primaryOf(cluster);
  const stamp = new Date(parts.clock.wallNow()).toISOString().replaceAll(/[-:]/g, "");
  const point = `before-${what.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 36)}-${stamp}`;
  const by = "matriarch";
  if (isHere(parts, primary)) await writePoint(parts, cluster, point, by);
  else await forward(parts, name, primary, { name: point, here: false }, { by });
  return point;
}
