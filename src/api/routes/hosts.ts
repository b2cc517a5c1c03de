/**
 * Hosts of the installation, the tokens that let new ones in, joining, and what hosts ask each other about hosts. The
 * routes of joining take no certificate: the token in the body is checked by the installation.
 */
import { Hono } from "hono";
import { z } from "zod";

import {
  certificateRequestSchema,
  hostSettingsSchema,
  joinRequestSchema,
  joinTokenRequestSchema,
  labelRequestSchema,
  reachRequestSchema,
  type HostsInstallation,
} from "../../contract/host.ts";
import { nothingSchema } from "../../contract/requests.ts";
import { OpError } from "../../errors/op-error.ts";
import { asked, callerOf } from "../access/caller.ts";
import { readBody, readQuery } from "../input.ts";

type Hosts = HostsInstallation | undefined;

const removeQuerySchema = z.strictObject({ lost: z.enum(["true", "false"]).default("false") });

export function hostRoutes(hosts: Hosts): Hono {
  return new Hono()
    .get("/", async (c) => c.json(await several(hosts).list()))
    .post("/rebuild-store", async (c) => {
      await readBody(c, nothingSchema);
      await several(hosts).rebuildStore(asked(c));
      return c.json({});
    })
    .get("/settings", async (c) => c.json(await several(hosts).settings()))
    .post("/settings", async (c) =>
      c.json(await several(hosts).change(await readBody(c, hostSettingsSchema), asked(c))),
    )
    .post("/:host/labels", async (c) => {
      const { labels } = await readBody(c, labelRequestSchema);
      return c.json(await several(hosts).label(c.req.param("host"), labels, asked(c)));
    })
    .post("/:host/drain", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await several(hosts).drain(c.req.param("host"), asked(c)), 202);
    })
    .post("/:host/undrain", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await several(hosts).undrain(c.req.param("host"), asked(c)));
    })
    .delete("/:host", async (c) => {
      const { lost } = readQuery(c, removeQuerySchema);
      return c.json(await several(hosts).remove(c.req.param("host"), { lost: lost === "true" }, asked(c)));
    });
}

export function joinTokenRoutes(hosts: Hosts): Hono {
  return new Hono()
    .post("/", async (c) => {
      const options = await readBody(c, joinTokenRequestSchema);
      return c.json(await several(hosts).makeToken(options, asked(c)), 201);
    })
    .delete("/:id", async (c) => {
      await several(hosts).revokeToken(c.req.param("id"), asked(c));
      return c.json({});
    });
}

export function joinRoutes(hosts: Hosts): Hono {
  return new Hono()
    .get("/", async (c) => c.json(await several(hosts).greet()))
    .post("/check", async (c) => c.json(await several(hosts).checkJoin(await readBody(c, joinRequestSchema))))
    .post("/", async (c) => c.json(await several(hosts).join(await readBody(c, joinRequestSchema))));
}

export function hostPeerRoutes(hosts: Hosts): Hono {
  return new Hono()
    .post("/reach", async (c) => c.json(await several(hosts).reach(await readBody(c, reachRequestSchema))))
    .post("/certificate", async (c) => {
      const { request } = await readBody(c, certificateRequestSchema);
      return c.json({ certificate: await several(hosts).certify(callerOf(c).by, request) });
    })
    .post("/place", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await several(hosts).place(callerOf(c).by));
    });
}

function several(hosts: Hosts): HostsInstallation {
  if (hosts) return hosts;
  throw new OpError("not-supported", {
    message: "this installation is of one machine",
    hint: "For several hosts, make one on a machine without clusters: matriarch host init",
  });
}
