/** The templates of deploy/, and what docs/customise.md says beside them, agree with the program as it is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { parse as parseToml } from "smol-toml";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { homePaths } from "../../src/config/home.ts";
import { hostPorts, usualBasePort } from "../../src/domain/host.ts";
import { agentUnit } from "../../src/installation/hosts/service-unit.ts";
import { parseCopy, parseDockerfile, parseEnvironment, parseWords } from "../deploy/dockerfile.ts";
import { parseLine } from "./command-lines.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const withoutHead = (text: string): string => text.slice(text.indexOf("\n"));

test("deploy/matriarch.service is the unit that host init writes, for a checkout in /opt/matriarch", () => {
  const unit = agentUnit({
    node: "/opt/matriarch/runtime/node_modules/.bin/node",
    agentScript: "/opt/matriarch/dist/agent.mjs",
    home: "/var/lib/matriarch",
  });
  assert.equal(withoutHead(read("deploy/matriarch.service")), withoutHead(unit));
  assert.match(read("matriarch"), /runtime=\$root\/runtime\/node_modules/);
});

test("deploy/cloud-init.yaml installs what docs/hosts.md does, and every command in it is understood", async () => {
  const text = read("deploy/cloud-init.yaml");
  const [, words = ""] = /apt-get install -y --no-install-recommends (.*)/.exec(read("docs/hosts.md")) ?? [];
  const packages = words.split(" ");
  assert.ok(packages.length > 3);
  for (const name of packages) assert.ok(text.includes(`  - ${name}\n`), name);
  const lines = text.split("\n").filter((line) => /(?<![\w/])matriarch (host|version)/.test(line));
  assert.equal(lines.length, 4);
  for (const line of lines) assert.equal(await parseLine(line), undefined, line);
});

test("docs/customise.md and docs/containers.md: directories and templates that they name are there", () => {
  const pages = ["docs/customise.md", "docs/containers.md"].map(read).join("\n");
  assert.ok(pages.includes(homePaths("/var/lib/matriarch").hooks));
  const named = [...pages.matchAll(/\]\(\.\.\/(deploy\/[\w./-]+)\)/g)].map(([, path = ""]) => path);
  assert.deepEqual([...new Set(named)].toSorted(), [
    "deploy/cloud-init.yaml",
    "deploy/docker/Dockerfile",
    "deploy/fly/fly.toml",
    "deploy/kubernetes/matriarch.yaml",
    "deploy/matriarch.service",
  ]);
  for (const path of named) assert.ok(existsSync(join(root, path)), path);
});

test("docs/containers.md: every command of Matriarch in it is understood", async () => {
  const lines = read("docs/containers.md")
    .split("\n")
    .filter((line) => /^[^#|`]*(-- |^| exec \S+ )matriarch [a-z]/.test(line));
  assert.ok(lines.length >= 5, lines.join("\n"));
  for (const line of lines) assert.equal(await parseLine(line.replace(/ \|.*$| >.*$| #.*$/, "")), undefined, line);
});

const ports = Object.values(hostPorts(usualBasePort));

test("Dockerfile: what it copies is in the checkout and not ignored, and its programs are there", () => {
  const stages = parseDockerfile(read("deploy/docker/Dockerfile"));
  const of = (name: string): readonly string[] =>
    stages.flatMap(({ instructions }) => instructions.filter((one) => one.name === name).map(({ text }) => text));
  const copies = of("COPY").map(parseCopy);
  const [, ...kept] = read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const isKept = (path: string): boolean =>
    kept.some((line) => line.startsWith("!") && (path === line.slice(1) || path.startsWith(`${line.slice(1)}/`)));
  for (const path of copies.flatMap(({ from, sources }) => (from === undefined ? sources : []))) {
    assert.ok(existsSync(join(root, path)), path);
    assert.ok(isKept(path), `${path} is ignored`);
  }
  for (const { from } of copies) assert.ok(from === undefined || stages.some(({ alias }) => alias === from), from);
  const targets = copies.map(({ target }) => target);
  assert.ok(targets.includes(parseWords(of("ENTRYPOINT")[0] ?? "").at(-1) ?? ""));
  assert.ok(targets.includes(parseWords(of("HEALTHCHECK")[0] ?? "")[0] ?? ""));
  assert.equal(of("VOLUME")[0], parseEnvironment(of("ENV")[0] ?? "")["MATRIARCH_HOME"]);
  for (const port of ports) assert.ok(of("EXPOSE")[0]?.split(" ").includes(String(port)), String(port));
  for (const script of ["entrypoint", "command"]) execFileSync("sh", ["-n", join(root, "deploy/docker", script)]);
});

test("the entrypoint gives the command line what it understands", async () => {
  const lines = read("deploy/docker/entrypoint").split("\n");
  const commands = lines.filter((line) => /^ +(timeout \d+ )?matriarch [a-z]/.test(line));
  assert.ok(commands.length >= 5);
  for (const line of commands) {
    const typed = line
      .replaceAll(
        '"$@"',
        "--no-service --name a --address b --zone c --region d --store-user e --store-password-file f",
      )
      .replaceAll(/"?\$\{?\w+[^ "]*(:\?[^}]*\})?"?/g, "x")
      .replace(/ (>|2>|\||&|&&).*$/, "");
    const told = line.includes("host init") ? `${typed} --store https://a:1` : typed;
    const isJoin = line.includes("host join");
    assert.equal(
      await parseLine(isJoin ? "matriarch host join x --no-service --name a --address b" : told),
      undefined,
      line,
    );
  }
});

const texts = z.record(z.string(), z.string());
const object = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string(), labels: texts.optional() }),
  spec: z.record(z.string(), z.unknown()),
});
const podSchema = z
  .object({
    serviceName: z.string(),
    replicas: z.int(),
    selector: z.object({ matchLabels: texts }),
    template: z.object({
      metadata: z.object({ labels: texts }),
      spec: z
        .object({
          terminationGracePeriodSeconds: z.int(),
          containers: z.array(
            z
              .object({
                env: z.array(z.object({ name: z.string() }).loose()),
                ports: z.array(z.object({ name: z.string(), containerPort: z.int() })),
                volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() }).loose()),
                startupProbe: z.unknown(),
                livenessProbe: z.unknown(),
                readinessProbe: z.unknown(),
              })
              .loose(),
          ),
          volumes: z.array(z.object({ name: z.string() }).loose()),
        })
        .loose(),
    }),
    volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) }).loose()),
  })
  .loose();
const serviceSchema = z
  .object({
    selector: texts,
    ports: z.array(z.object({ name: z.string(), port: z.int(), targetPort: z.string().optional() })),
  })
  .loose();

test("kubernetes: selectors meet labels, ports and volumes have names that there are, probes ask the status port", () => {
  const objects = parseAllDocuments(read("deploy/kubernetes/matriarch.yaml")).map((document) => {
    assert.deepEqual(document.errors, []);
    return object.parse(document.toJS());
  });
  const set = podSchema.parse(objects.find(({ kind }) => kind === "StatefulSet")?.spec);
  const { labels } = set.template.metadata;
  const [container] = set.template.spec.containers;
  assert.ok(container);
  assert.deepEqual(set.selector.matchLabels, labels);
  assert.equal(set.replicas, 3);
  const services = objects.filter(({ kind }) => kind === "Service");
  assert.ok(services.some(({ metadata }) => metadata.name === set.serviceName));
  for (const { spec } of services) {
    const { selector, ports: open } = serviceSchema.parse(spec);
    assert.deepEqual(selector, labels);
    for (const { name, targetPort = name } of open)
      assert.ok(
        container.ports.some((one) => one.name === targetPort),
        name,
      );
  }
  for (const port of ports)
    assert.ok(
      container.ports.some(({ containerPort }) => containerPort === port),
      String(port),
    );
  const volumes = [
    ...set.template.spec.volumes.map(({ name }) => name),
    ...set.volumeClaimTemplates.map((one) => one.metadata.name),
  ];
  for (const { name } of container.volumeMounts) assert.ok(volumes.includes(name), name);
  assert.ok(container.volumeMounts.some(({ mountPath }) => mountPath === "/var/lib/matriarch"));
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
    assert.equal(z.object({ httpGet: z.object({ port: z.string() }) }).parse(probe).httpGet.port, "status");
  const entrypoint = read("deploy/docker/entrypoint");
  for (const { name } of container.env.filter((one) => one.name.startsWith("MATRIARCH_")))
    assert.ok(entrypoint.includes(name), name);
});

test("fly.toml: sections that Fly has, and the status port", () => {
  const known = [
    "app",
    "primary_region",
    "kill_signal",
    "kill_timeout",
    "build",
    "env",
    "mounts",
    "deploy",
    "restart",
    "checks",
    "vm",
  ];
  const file = z
    .object({
      kill_signal: z.literal("SIGTERM"),
      build: z.object({ dockerfile: z.string() }),
      mounts: z.array(z.object({ source: z.string(), destination: z.literal("/var/lib/matriarch") }).loose()).length(1),
      checks: z.object({
        host: z.object({ type: z.literal("http"), port: z.literal(7405), path: z.string() }).loose(),
      }),
    })
    .loose()
    .parse(parseToml(read("deploy/fly/fly.toml")));
  for (const name of Object.keys(file)) assert.ok(known.includes(name), name);
  assert.ok(existsSync(resolve(root, "deploy/fly", file.build.dockerfile)));
});
