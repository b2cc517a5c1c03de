/** What the kernel says of its mounts, of the kinds that there are. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readHierarchies } from "./hierarchies.ts";

const line = (point: string, root: string, rest: string): string => `31 23 0:32 ${root} ${point} rw,relatime - ${rest}`;

describe("hierarchies of control groups", () => {
  test("v2 alone, as systemd sets it up", () => {
    const mounts = line("/sys/fs/cgroup", "/", "cgroup2 cgroup2 rw,nsdelegate");
    assert.deepEqual(readHierarchies(mounts, "0::/system.slice/matriarch.service\n"), {
      version: 2,
      memory: "/sys/fs/cgroup",
      cpu: "/sys/fs/cgroup",
      own: "/system.slice/matriarch.service",
    });
  });

  test("v1, with processor time in a tree of its own; the v2 tree beside it counts no memory", () => {
    const mounts = [
      line("/sys/fs/cgroup/unified", "/", "cgroup2 cgroup2 rw"),
      line("/sys/fs/cgroup/cpu,cpuacct", "/", "cgroup cgroup rw,cpu,cpuacct"),
      line("/sys/fs/cgroup/cpuset", "/", "cgroup cgroup rw,cpuset"),
      line("/sys/fs/cgroup/memory", "/", "cgroup cgroup rw,memory"),
    ].join("\n");
    const cgroup = "9:name=systemd:/a\n4:memory:/user.slice/with:colon\n1:cpu,cpuacct:/b\n0::/c\n";
    assert.deepEqual(readHierarchies(mounts, cgroup), {
      version: 1,
      memory: "/sys/fs/cgroup/memory",
      cpu: "/sys/fs/cgroup/cpu,cpuacct",
      own: "/user.slice/with:colon",
    });
  });

  test("v1 in a container: paths are told from the machine's root, the mount shows the container's own group", () => {
    const mounts = line("/sys/fs/cgroup/memory", "/docker/abc", "cgroup cgroup ro,memory");
    const found = readHierarchies(mounts, "4:memory:/docker/abc/inner\n");
    assert.equal(found?.own, "/inner");
    assert.equal(found?.cpu, undefined);
  });

  test("none", () => {
    assert.equal(readHierarchies("22 1 0:20 / /proc rw - proc proc rw\n", ""), undefined);
  });
});
