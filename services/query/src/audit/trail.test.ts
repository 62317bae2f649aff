import assert from "node:assert/strict";
import { appendFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger } from "@medtrace/service-kit/log";
import { hasCode } from "@medtrace/shared/errors";
import { Spool } from "./spool.ts";
import { type AuditTrail, createAuditTrail, type Deliver } from "./trail.ts";

const CALLER = { institution: "hospital-a", subject: "dr-x", scopes: new Set<string>() };
const log = createLogger({ name: "test", level: "silent" });
const observer = { delivered: () => {}, refused: () => {} };
const question = (about: readonly string[]) => ({ route: "GET /v1/x", about, outcome: "answered" as const });

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-audit-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function trailOn(spool: Spool, deliver: Deliver): AuditTrail {
  return createAuditTrail({ spool, deliver, log, observer });
}

/** What a resource says that it was about, without its trace prefix. */
function aboutOf(text: string): string[] {
  const { entity } = JSON.parse(text) as { entity: { what?: { reference: string } }[] };
  return entity.flatMap(({ what }) => what?.reference.replace("urn:medtrace:trace:", "") ?? []);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

test("what was noted is delivered in its institution's name, each once, and then forgotten", async (t) => {
  const folder = await temporary(t);
  const taken: [string, string[]][] = [];
  await using trail = trailOn(Spool.open(folder, 1e6), async (institution, resources) => {
    for (const text of resources) taken.push([institution, aboutOf(text)]);
    return [];
  });
  trail.note(CALLER, question(["one"]));
  trail.note({ ...CALLER, institution: "hospital-b" }, question(["two", "three"]));
  await until(() => taken.length === 2);
  assert.deepEqual(taken, [
    ["hospital-a", ["one"]],
    ["hospital-b", ["two", "three"]],
  ]);
  await until(() => readdirSync(folder).length === 0);
});

test("what a killed process noted is delivered by the next, with the very same bytes; a torn line is not", async (t) => {
  const folder = await temporary(t);
  const killed = Spool.open(folder, 1e6);
  const never = trailOn(killed, () => Promise.reject(new Error("ingest is away")));
  never.note(CALLER, question(["one"]));
  never.note(CALLER, question(["two"]));
  const [file = ""] = readdirSync(folder);
  appendFileSync(join(folder, file), '{"institution":"hospital-a","resou');
  const before = Spool.open(folder, 1e6)
    .oldest()
    ?.reports.map(({ resource }) => resource);
  const taken: string[] = [];
  {
    await using _next = trailOn(Spool.open(folder, 1e6), async (_institution, resources) => {
      taken.push(...resources);
      return [];
    });
    await until(() => taken.length >= 2);
  }
  assert.deepEqual(taken, before);
  assert.deepEqual(taken.flatMap(aboutOf), ["one", "two"]);
  await never[Symbol.asyncDispose]();
});

test("while ingest is away reports wait, and are sent again until it takes them", async (t) => {
  const spool = Spool.open(await temporary(t), 1e6);
  let tries = 0;
  const taken: string[] = [];
  await using trail = trailOn(spool, async (_institution, resources) => {
    tries += 1;
    if (tries < 3) throw new Error("away");
    taken.push(...resources.flatMap(aboutOf));
    return [];
  });
  trail.note(CALLER, question(["one"]));
  await until(() => taken.length === 1);
  assert.deepEqual([taken, tries], [["one"], 3]);
});

test("over its limit nothing more is noted, so that nothing more is answered", async (t) => {
  const spool = Spool.open(await temporary(t), 4_000);
  await using trail = trailOn(spool, () => Promise.reject(new Error("away")));
  let noted = 0;
  assert.throws(
    () => {
      for (; ; noted++) trail.note(CALLER, question([`record ${noted}`]));
    },
    (error) => hasCode(error, "BUSY"),
  );
  assert.ok(noted > 0 && spool.waitingBytes <= 4_000);
});

test("what ingest will never take is set aside and holds nothing up", async (t) => {
  const spool = Spool.open(await temporary(t), 1e6);
  const taken: string[] = [];
  await using trail = trailOn(spool, async (_institution, resources) => {
    const refused = resources.filter((text) => aboutOf(text).includes("bad"));
    taken.push(...resources.filter((text) => !refused.includes(text)).flatMap(aboutOf));
    return refused;
  });
  for (const about of ["one", "bad", "two"]) trail.note(CALLER, question([about]));
  await until(() => taken.length === 2);
  assert.deepEqual(taken, ["one", "two"]);
  await until(() => spool.waitingBytes === 0);
  assert.deepEqual(
    (await spool.refused()).map(({ resource }) => aboutOf(resource)),
    [["bad"]],
  );
});

test("a query about very many things makes several reports, and loses none", async (t) => {
  const spool = Spool.open(await temporary(t), 1e6);
  const taken: string[][] = [];
  const all = Array.from({ length: 250 }, (_, i) => `record-${i}`);
  {
    await using trail = trailOn(spool, async (_institution, resources) => {
      taken.push(...resources.map(aboutOf));
      return [];
    });
    trail.note(CALLER, question(all));
  }
  assert.deepEqual(taken.flat(), all);
  assert.equal(taken.length, 3);
});
