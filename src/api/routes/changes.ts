/** Changes of a running cluster: each writes a wish and answers with the operation to follow, or the new status. */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import {
  autostopRequestSchema,
  failoverRequestSchema,
  nothingSchema,
  pauseRequestSchema,
  restartRequestSchema,
  switchoverRequestSchema,
} from "../../contract/requests.ts";
import { scaleRequestSchema } from "../../contract/scale.ts";
import { asked } from "../access/caller.ts";
import { demand } from "../access/roles.ts";
import { readBody } from "../input.ts";

export function changeRoutes(installation: Installation): Hono {
  return new Hono()
    .post("/:cluster/stop", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await installation.stop(c.req.param("cluster"), asked(c)), 202);
    })
    .post("/:cluster/start", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await installation.start(c.req.param("cluster"), asked(c)), 202);
    })
    .post("/:cluster/restart", async (c) => {
      const { member, pending, in_place: inPlace } = await readBody(c, restartRequestSchema);
      const options = { pending, inPlace, ...(member === undefined ? {} : { member }) };
      return c.json(await installation.restart(c.req.param("cluster"), options, asked(c)), 202);
    })
    .post("/:cluster/pause", async (c) => {
      const { for_ms } = await readBody(c, pauseRequestSchema);
      return c.json(await installation.pause(c.req.param("cluster"), for_ms, asked(c)));
    })
    .post("/:cluster/resume", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await installation.resume(c.req.param("cluster"), asked(c)));
    })
    .post("/:cluster/autostop", async (c) => {
      const { idle_ms: idleMs } = await readBody(c, autostopRequestSchema);
      return c.json(await installation.autostop(c.req.param("cluster"), idleMs ?? undefined, asked(c)));
    })
    .post("/:cluster/switchover", async (c) => {
      const { to, primary_region: region } = await readBody(c, switchoverRequestSchema);
      const options = {
        ...(to === undefined ? {} : { to }),
        ...(region === undefined ? {} : { primaryRegion: region }),
      };
      return c.json(await installation.switchover(c.req.param("cluster"), options, asked(c)), 202);
    })
    .post("/:cluster/failover", async (c) => {
      const { to, primary_region: region, force, accept_data_loss } = await readBody(c, failoverRequestSchema);
      if (accept_data_loss) demand(c, "admin");
      const options = {
        force,
        acceptDataLoss: accept_data_loss,
        ...(to === undefined ? {} : { to }),
        ...(region === undefined ? {} : { primaryRegion: region }),
      };
      return c.json(await installation.failover(c.req.param("cluster"), options, asked(c)), 202);
    })
    .post("/:cluster/scale", async (c) => {
      const request = await readBody(c, scaleRequestSchema);
      return c.json(await installation.scale(c.req.param("cluster"), request, asked(c)), 202);
    })
    .post("/:cluster/scale/plan", async (c) => {
      const request = await readBody(c, scaleRequestSchema);
      return c.json(await installation.planScale(c.req.param("cluster"), request));
    });
}
