/** `matriarch host rebuild-store`: its declaration, and what it does when it runs. */
import { OpError } from "../../../errors/op-error.ts";
import { command, type Run } from "../../command.ts";

const plan = `This makes the store of what this host's etcd has of it, and leaves the others out.
It is for one case: the other hosts that run etcd are lost for good. If one of them came back with its disk, there would
be two stores, and two primaries could be made. Switch them off for good, or wipe their disks, first.`;

export const hostRebuildStore = (run: Run) =>
  command("rebuild-store", "Emergency: go on with this host's etcd alone, when the other hosts that run it are lost.", [
    ["matriarch host rebuild-store", "on the host that is left; asks first"],
    ["matriarch host rebuild-store --yes", "in a script"],
  ]).action(() =>
    run(async (context) => {
      if (await context.remote())
        throw new OpError("not-supported", {
          message: "the store is rebuilt on the host whose etcd is left",
          hint: "Log in there, and run: matriarch host rebuild-store",
        });
      const client = await context.client();
      await context.confirm(plan, "rebuild-store");
      context.note("etcd is started again, alone");
      await client.rebuildStore();
      const text = [
        "The store works again, with one member, on this host.",
        "Next: matriarch host remove NAME --lost, for each host that is lost; then let new ones join: matriarch host token",
      ].join("\n");
      return { json: { rebuilt: true }, text: () => text };
    }),
  );
