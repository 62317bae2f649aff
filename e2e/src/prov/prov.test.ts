/**
 * What two PROV tools of others say of what we write: PyPI's prov 3.2.3 reads it, and ProvToolbox 2.2.1 checks it by
 * PROV-CONSTRAINTS. infra/prov/setup.sh fetches them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { withAnswer } from "@medtrace/shared/model/prov/attestation";
import { checkProv } from "@medtrace/shared/model/prov/constraints/check";
import type { ProvContents, ProvDocument } from "@medtrace/shared/model/prov/document";
import { provDocument } from "@medtrace/shared/model/prov/from-events";
import { provJson } from "@medtrace/shared/model/prov/json";
import { jsonLd } from "@medtrace/shared/model/prov/json-ld";
import { readProvJson } from "@medtrace/shared/model/prov/json-read";
import { provN } from "@medtrace/shared/model/prov/prov-n";
import { provRdf } from "@medtrace/shared/model/prov/rdf";
import { trig } from "@medtrace/shared/model/prov/turtle";
import { provXml } from "@medtrace/shared/model/prov/xml";
import { story } from "@medtrace/shared/testing/story";
import { documentsOf, storiesOf } from "./generated.ts";

const { PROV_PYTHON, PROV_TOOLBOX } = process.env;
const OUTPUT_BYTES_MAX = 64 * 1_048_576;
const STORIES = 500;
const DOCUMENTS = 1_000;

/** The story and the generated ones, each as one account and in bundles, as query answers with them. */
function ours(): Map<string, ProvDocument> {
  const all = [story(), ...storiesOf(STORIES)];
  return new Map(
    all.flatMap((inputs, i) => {
      const account = provDocument(inputs);
      const facts = { record: "hospital-a/Letter/1", height: i, ledgerHeight: i + 1, truncated: ["depth"] };
      const answered = (told: ProvDocument): ProvDocument =>
        withAnswer(told, { ...facts, verdict: checkProv(account) });
      return [
        [`story-${i}`, answered(account)] as const,
        [`story-${i}-bundles`, answered(provDocument(inputs, { bundles: "institution" }))] as const,
      ];
    }),
  );
}

function random(): Map<string, ProvDocument> {
  return new Map(documentsOf(DOCUMENTS).map((document, i) => [`random-${i}`, document]));
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "medtrace-prov-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", maxBuffer: OUTPUT_BYTES_MAX });
  assert.equal(status, 0, stderr);
  return stdout;
}

function read(t: TestContext, documents: ReadonlyMap<string, ProvDocument>): void {
  if (PROV_PYTHON === undefined) {
    t.diagnostic("PROV_PYTHON is not set: infra/prov/setup.sh fetches what this compares with");
    return;
  }
  inFolder((folder) => {
    for (const [name, document] of documents) {
      const graph = provRdf(document);
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(provJson(document)));
      writeFileSync(join(folder, `${name}.provn`), provN(document));
      writeFileSync(join(folder, `${name}.xml`), provXml(document));
      writeFileSync(join(folder, `${name}.trig`), trig(graph));
      writeFileSync(join(folder, `${name}.jsonld`), JSON.stringify(jsonLd(graph)));
    }
    const told = JSON.parse(run(PROV_PYTHON, ["-W", "error", join(import.meta.dirname, "read.py"), folder]));
    t.diagnostic(`${told.documents} documents read, ${told.faults.length} faults`);
    assert.deepEqual(told, { documents: documents.size, faults: [] });
  });
}

test("the story's exports, and those of generated ones, are equal through PyPI's prov in every form", (t) => {
  read(t, ours());
});

test("documents of random statements are equal through PyPI's prov in every form", (t) => {
  read(t, random());
});

/** ProvToolbox's verdicts, and ours in the same form. */
function compared(folder: string, documents: ReadonlyMap<string, ProvDocument>): [Map<string, string>, string[]] {
  for (const [name, document] of documents) writeFileSync(join(folder, `${name}.provn`), provN(document));
  const args = ["-cp", `${PROV_TOOLBOX}/*`, join(import.meta.dirname, "Verdicts.java"), folder];
  const lines = run("java", args)
    .split("\n")
    .filter((line) => line.includes(".provn "));
  const theirs = new Map(lines.map((line) => [line.slice(0, line.indexOf(".provn")), line]));
  assert.equal(theirs.size, documents.size);
  const differing = [...documents].flatMap(([name, document]) => {
    const { valid, violations } = checkProv(document);
    const said = theirs.get(name) ?? "";
    const statements = `${name}.provn ${statementsOf(document)} `;
    if (said.startsWith(`${statements}${valid ? "valid" : "invalid"}`)) return [];
    if (said.startsWith(statements) && !valid && restsOnReferences(document)) return [];
    return [`${said} — ours: ${valid} ${violations.map(({ constraint }) => constraint).join(" ")}`];
  });
  return [theirs, differing];
}

/**
 * Whether a document is invalid only by what its derivations say of the usages and generations that they name (inference
 * 11), which ProvToolbox leaves out.
 */
function restsOnReferences(document: ProvDocument): boolean {
  const plain = <T extends ProvContents>(contents: T): T => ({
    ...contents,
    relations: contents.relations.map((relation) =>
      relation.kind === "wasDerivedFrom" ? { ...relation, arguments: relation.arguments.slice(0, 3) } : relation,
    ),
  });
  return checkProv({ ...plain(document), bundles: document.bundles.map(plain) }).valid;
}

function statementsOf({ entities, activities, agents, relations, bundles }: ProvDocument): number {
  return entities.length + activities.length + agents.length + relations.length + bundles.length;
}

function agree(t: TestContext, documents: ReadonlyMap<string, ProvDocument>): void {
  if (PROV_TOOLBOX === undefined) {
    t.diagnostic("PROV_TOOLBOX is not set: infra/prov/setup.sh fetches what this compares with");
    return;
  }
  inFolder((folder) => {
    const [theirs, differing] = compared(folder, documents);
    const invalid = [...theirs.values()].filter((line) => line.includes(" invalid ")).length;
    t.diagnostic(`${theirs.size} verdicts, ${invalid} of them invalid, ${differing.length} differ`);
    assert.deepEqual(differing, []);
  });
}

test("our verdicts on the story and on generated ones are those of ProvToolbox, whose PROV-N parser takes each", (t) => {
  agree(t, ours());
});

test("our verdicts on documents of random statements are those of ProvToolbox", (t) => {
  agree(t, random());
});

test("every document is read back from PROV-JSON as it was", () => {
  const sorted = (document: ProvDocument): string[] => provN(document).split("\n").sort();
  for (const [name, document] of [...ours(), ...random()]) {
    const again = readProvJson(JSON.parse(JSON.stringify(provJson(document))));
    assert.deepEqual(sorted(again), sorted(document), name);
  }
});
