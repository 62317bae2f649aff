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

/** Files of single messages that can be read, by name. */
function readable(): [name: string, body: Buffer][] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".hl7") && file !== STREAM);
  return files
    .map((name): [string, Buffer] => [name, readFileSync(join(FOLDER, name))])
    .filter(([, body]) => {
      try {
        return draftsOfBody(body).length > 0;
      } catch {
        return false;
      }
    });
}

/** What a message says, but for its bytes and what is odd about how it came. */
function said(body: Uint8Array): unknown[] {
  return draftsOfBody(body).map(({ raw: _raw, flags: _flags, ...rest }) => rest);
}

test("a message says the same with other line ends, in a batch, after a byte order mark, and in UTF-16", (t) => {
  if (!existsSync(FOLDER)) {
    t.diagnostic(`no data in ${FOLDER}`);
    return;
  }
  for (const [name, body] of readable()) {
    const text = body.toString("latin1");
    const isPlain = /^[\0-\x7f]*$/.test(text) && !text.includes("BHS");
    if (!isPlain) continue;
    const lines = text.split(/\r\n|\r|\n/).filter((line) => line !== "");
    const expected = said(body);
    for (const end of ["\r", "\n", "\r\n", "\r\r\n"]) {
      assert.deepEqual(said(Buffer.from(lines.join(end))), expected, `${name} with ${JSON.stringify(end)}`);
    }
    const batch = `FHS|^~\\&\rBHS|^~\\&\r${lines.join("\r")}\rBTS|1\rFTS|1\r`;
    assert.deepEqual(said(Buffer.from(batch)), expected, `${name} in a batch`);
    assert.deepEqual(said(Buffer.from(`\ufeff${lines.join("\r")}`)), expected, `${name} after a mark`);
    const wide = Buffer.from(lines.join("\r"), "utf16le");
    assert.deepEqual(said(wide), expected, `${name} in UTF-16LE`);
    assert.deepEqual(said(Buffer.from(wide).swap16()), expected, `${name} in UTF-16BE`);
  }
});

test("a message that ends anywhere is mapped, or refused with the place of its fault", (t) => {
  if (!existsSync(FOLDER)) {
    t.diagnostic(`no data in ${FOLDER}`);
    return;
  }
  for (const [name, body] of readable()) {
    for (let end = 1; end < body.length; end += 1 + Math.floor(body.length / 300)) {
      try {
        draftsOfBody(body.subarray(0, end));
      } catch (error) {
        assert.ok(hasCode(error, "INPUT_MALFORMED", "INPUT_INVALID", "INPUT_UNSUPPORTED"), `${name} to ${end}`);
        assert.ok(error.at?.startsWith("MSH"), `${name} to ${end}`);
      }
    }
  }
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
