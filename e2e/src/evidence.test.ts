/** Evidence of the real service, proven by the verifier alone in another folder, and refuted once anything changed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { medtrace, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";
import { sample } from "./testing/sample.ts";

const VERIFIER = join(import.meta.dirname, "../../packages/verifier");

interface EvidenceFile {
  events: { event: string; batch: number; index: number; path: string[] }[];
  batches: { owner: string; batch: { root: string } }[];
  ledger: { checkpoint: string; key: string; blocks: { block: string; path: string[] }[] };
}

/** One change each, to what an adversary would change first. */
const CHANGES: readonly (readonly [string, (file: EvidenceFile) => void])[] = [
  ["an event", (file) => replace(file.events[0], "event", (text) => text.replace('"success"', '"major-failure"'))],
  ["a proof", (file) => flip(file.events[0]?.path)],
  ["a root", (file) => replace(file.batches[0]?.batch, "root", (root) => changed(root))],
  ["a block", (file) => replace(file.ledger.blocks[0], "block", (text) => text.replace("PlatformMSP", "OtherMSP"))],
  ["a block's path", (file) => flip(file.ledger.blocks[0]?.path)],
  [
    "a signature",
    (file) => replace(file.ledger, "checkpoint", (note) => note.replace(/.(?==*\n$)/, (c) => (c === "A" ? "E" : "A"))),
  ],
];

function replace<T extends object, K extends keyof T>(
  thing: T | undefined,
  key: K,
  change: (value: string) => string,
): void {
  assert.ok(thing !== undefined);
  const before = thing[key] as string;
  const after = change(before);
  assert.notEqual(after, before, "the change changes something");
  (thing as Record<K, unknown>)[key] = after;
}

function flip(path: string[] | undefined): void {
  assert.ok(path?.[0] !== undefined);
  path[0] = changed(path[0]);
}

function changed(hash: string): string {
  return (hash.startsWith("0") ? "1" : "0") + hash.slice(1);
}

test("evidence is proven by the verifier alone, and refuted once a byte of it changed", async (t) => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const before = await sample(join(folder.path, "before"), 1, "before");
  const traffic = await sample(join(folder.path, "traffic"), 5);
  await writeFile(join(traffic.folder, "report.json"), JSON.stringify(PROVENANCE));
  await writeFile(join(traffic.folder, "read.json"), JSON.stringify(READ));
  // Batches of more than one record have proofs with something to change.
  await using running = await start(data, { BATCH_AGE_MS_MAX: "1500" });
  const bearer = await token(data, "hospital-a", "trace/lineage.read");
  // One after the other is anchored, so that there are several blocks, and paths between them.
  for (const [path, leaves] of [
    [before.folder, 50],
    [traffic.folder, 302],
  ] as const) {
    assert.equal((await medtrace(["publish", path, "--json"], running.env)).code, 0);
    await settled(running, bearer, leaves);
  }

  const lineage = await medtrace(["trace", REPORT], running.env);
  assert.equal(lineage.code, 0, lineage.stderr);
  for (const shown of ["hospital-a/Observation/e2e-observation", "e2e-reader"]) {
    assert.ok(lineage.stdout.includes(shown), lineage.stdout);
  }
  const file = join(folder.path, "evidence.json");
  const made = await medtrace(["evidence", "--record", REPORT, "--out", file], running.env);
  assert.equal(made.code, 0, made.stderr);

  const alone = join(folder.path, "verifier");
  await cp(VERIFIER, alone, { recursive: true, filter: (path) => !path.includes("node_modules") });
  const verify = (path: string) =>
    spawnSync(process.execPath, [join(alone, "src/main.ts"), path], { encoding: "utf8" });
  const proven = verify(file);
  assert.equal(proven.status, 0, proven.stdout + proven.stderr);
  assert.match(proven.stdout, /proven/i);

  for (const [what, change] of CHANGES) {
    await t.test(`${what} changed is refuted`, async () => {
      const forged = JSON.parse(await readFile(file, "utf8")) as EvidenceFile;
      change(forged);
      const path = join(folder.path, "forged.json");
      await writeFile(path, JSON.stringify(forged));
      const refuted = verify(path);
      assert.equal(refuted.status, 1, refuted.stdout + refuted.stderr);
      assert.match(refuted.stdout, /refuted/i);
    });
  }
});

/** A report that was written from an observation and then read, told by two FHIR resources. */
const REPORT = "hospital-a/DiagnosticReport/e2e-report";
const PROVENANCE = {
  resourceType: "Provenance",
  target: [{ reference: "DiagnosticReport/e2e-report" }],
  recorded: "2026-03-01T08:30:00+01:00",
  agent: [{ who: { reference: "Practitioner/e2e-doctor" } }],
  entity: [{ role: "source", what: { reference: "Observation/e2e-observation" } }],
};
const READ = {
  resourceType: "AuditEvent",
  type: { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" },
  action: "R",
  recorded: "2026-03-01T09:00:00+01:00",
  outcome: "0",
  agent: [{ who: { reference: "Practitioner/e2e-reader" }, requestor: true }],
  source: { observer: { reference: "Device/e2e-ehr" } },
  entity: [{ what: { reference: "Patient/e2e-patient" } }, { what: { reference: "DiagnosticReport/e2e-report" } }],
};
