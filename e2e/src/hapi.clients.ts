/** HAPI FHIR's generic client creates AuditEvents at ingest and finds them at query, in R4 and in R5. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { run, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";

const POM = join(import.meta.dirname, "../hapi/pom.xml");
const EVENTS = 12;
/** The client's events of R4: these, one that is conditional, and three of a transaction. */
const EVENTS_R4: number = EVENTS + 4;

/** What the client printed, line by line. */
interface Said {
  readonly lines: readonly string[];
}

/** Builds the client into a folder; gives the class path that it runs with. */
async function build(folder: string): Promise<string> {
  const file = join(folder, "classpath");
  const goals = ["compile", "dependency:build-classpath"];
  const built = await run("mvn", [
    ...["-q", "-B", "-f", POM, `-Dmedtrace.build=${folder}`, `-Dmdep.outputFile=${file}`, ...goals],
  ]);
  assert.equal(built.code, 0, built.stdout + built.stderr);
  return `${join(folder, "classes")}:${await readFile(file, "utf8")}`;
}

/** How many lines begin with each word. */
function counted({ lines }: Said): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Map.groupBy(lines, (line) => line.split(" ", 1)[0] ?? "")
      .entries()
      .map(([word, all]) => [word, all.length]),
  );
}

test("HAPI's generic client creates AuditEvents of R4 and R5, and finds them again", async (t) => {
  if (spawnSync("mvn", ["-v"]).status !== 0) {
    t.diagnostic("left out: it needs Maven (mvn) and Java 17");
    return;
  }
  await using folder = await temporaryFolder();
  const classPath = await build(join(folder.path, "hapi"));
  const data = join(folder.path, "data");
  await using started = await start(data);
  const writer = await token(data, "hospital-a", "trace/events.write");
  const reader = await token(data, "hospital-a", "trace/lineage.read trace/supervise");
  const client = async (
    command: string,
    release: string,
    base: string,
    bearer: string,
    more: string,
  ): Promise<Said> => {
    const ran = await run("java", [
      "-cp",
      classPath,
      "medtrace.Client",
      command,
      release,
      `${base}/fhir`,
      bearer,
      more,
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    return { lines: ran.stdout.split("\n").filter(Boolean) };
  };
  const { ingest, query } = started.places;

  await t.test("creating of R4: by themselves, again, conditionally and in a transaction", async () => {
    const ran = await client("create", "R4", ingest, writer, String(EVENTS));
    assert.deepEqual(counted(ran), { created: EVENTS, known: 1, returned: 1, conditional: 2, transaction: 3 });
    const ids = ran.lines.filter((line) => line.startsWith("created")).map((line) => line.split(" ")[1]);
    assert.equal(new Set(ids).size, EVENTS);
    for (const id of ids) assert.match(id ?? "", /^[0-9a-f]{64}$/);
    assert.deepEqual(ran.lines.slice(EVENTS), [
      `known ${ids[0]}`,
      "returned Observation/r4-0",
      "conditional true",
      "conditional false",
      ...Array(3).fill("transaction 201 Created"),
    ]);
  });

  await t.test("creating of R5", async () => {
    const ran = await client("create", "R5", ingest, writer, String(EVENTS));
    assert.deepEqual(counted(ran), { created: EVENTS });
  });

  await t.test("finding: by date, action and agent over pages, by id, by patient in a body", async () => {
    await settled(started, reader, EVENTS_R4 + EVENTS);
    const { lines } = await client(
      "search",
      "R4",
      query,
      await token(data, "hospital-a", "trace/lineage.read"),
      "2026-01-02",
    );
    const even = Array.from({ length: EVENTS + 3 }, (_, i) => i).filter((i) => i % 2 === 0);
    assert.deepEqual(
      lines.filter((line) => line.startsWith("found")),
      [...even, 1_000_000].map((i) => `found Observation/r4-${i}`),
    );
    assert.ok(lines.includes("read R"), lines.join("\n"));
    const ofPatient = [...Array(EVENTS + 3).keys(), 1_000_000].filter((i) => i % 3 === 1).length;
    const ofPatientR5 = [...Array(EVENTS).keys()].filter((i) => i % 3 === 1).length;
    assert.ok(lines.includes(`patient ${ofPatient + ofPatientR5}`), lines.join("\n"));
  });

  await t.test("finding in R5", async () => {
    const { lines } = await client("search", "R5", query, reader, "2026-01-02");
    const found = lines.filter((line) => line.startsWith("found"));
    assert.deepEqual(
      found.toSorted(),
      Array.from({ length: EVENTS }, (_, i) => `found Observation/r5-${i}`).toSorted(),
    );
    assert.equal(lines.filter((line) => line === "code update true").length, EVENTS);
  });
});
