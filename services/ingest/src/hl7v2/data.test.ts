/** Messages that other projects wrote, where they are at hand. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Draft } from "../normalise/draft.ts";
import { mapMessage } from "./map/map.ts";
import { rawField, readHeader, readMessage } from "./message.ts";
import { splitBody } from "./split.ts";
import { CONTEXT } from "./testing.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const FOLDER = join(process.env["MEDTRACE_TEST_DATA"] ?? join(ROOT, "../shared/data"), "hl7");
const STREAM = "simhospital_messages_1013.hl7";

function draftsOfBody(body: Uint8Array): Draft[] {
  return splitBody(body).messages.flatMap((bytes) =>
    mapMessage(readMessage(bytes, readHeader(bytes)), bytes.raw, CONTEXT),
  );
}

test("every file is mapped, or refused with the place of its fault", (t) => {
  if (!existsSync(FOLDER)) {
    t.diagnostic(`no data in ${FOLDER}`);
    return;
  }
  const refused: string[] = [];
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith(".hl7"))) {
    try {
      assert.ok(draftsOfBody(readFileSync(join(FOLDER, name))).length > 0, name);
    } catch (error) {
      assert.ok(hasCode(error, "INPUT_MALFORMED", "INPUT_INVALID"), name);
      assert.ok(error.at?.startsWith("MSH"), name);
      refused.push(name);
    }
  }
  assert.deepEqual(refused.sort(), [
    "batch__malformed-mid-batch.hl7",
    "malformed__invalid-encoding-characters.hl7",
    "malformed__no-msh-segment.hl7",
  ]);
});

test("the long stream is as many messages of each type as its authors say, and none shows its patient", (t) => {
  const file = join(FOLDER, STREAM);
  if (!existsSync(file)) {
    t.diagnostic(`no ${file}`);
    return;
  }
  const body = readFileSync(file);
  const drafts = draftsOfBody(body);
  const counts = Object.groupBy(drafts, (draft) => draft.type);
  assert.deepEqual(Object.fromEntries(Object.entries(counts).map(([type, of]) => [type, of?.length])), {
    "ORU^R01": 610,
    "ADT^A01": 400,
    "MDM^T02": 2,
    "ADT^A34": 1,
  });
  assert.equal(drafts.filter((draft) => draft.records.length === 0).length, 0);
  const patients = splitBody(body).messages.map((bytes) => patientValues(bytes));
  drafts.forEach(({ raw: _raw, persons: _persons, sealed: _sealed, ...clear }, i) => {
    const shown = JSON.stringify(clear);
    for (const value of patients[i] ?? []) assert.equal(shown.includes(value), false, `${clear.messageId}`);
  });
});

/** Numbers of PID-3 and names of PID-5, but for parts too short to tell from chance. */
function patientValues(bytes: Parameters<typeof readHeader>[0]): string[] {
  const { segments } = readMessage(bytes, readHeader(bytes));
  return segments
    .filter(({ name }) => name === "PID")
    .flatMap((pid) => [rawField(pid, 3), rawField(pid, 5)])
    .flatMap((text) => text.split("~").flatMap((repetition) => repetition.split("^").slice(0, 2)))
    .filter((value) => value.length > 4);
}
