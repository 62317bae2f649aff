import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { filesOf } from "./files.ts";
import { sniff } from "./sniff.ts";

const folder = await mkdtemp(join(tmpdir(), "medtrace-sniff-"));
after(() => rm(folder, { recursive: true }));

async function kindOf(content: string | Uint8Array): Promise<string> {
  const path = join(folder, "misleading.name.xml");
  await writeFile(path, content);
  const found = await sniff(path);
  return found.kind === "fhir" ? `fhir ${found.resourceType}` : found.kind;
}

const MSH = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5";
const EVENT = '{"resourceType":"AuditEvent","id":"1"}';

describe("what a file holds", () => {
  test("HL7 v2: messages, streams, batches, captures, other delimiters and widths, even without MSH", async () => {
    for (const content of [
      MSH,
      `\n\n${MSH}\r`,
      `\v${MSH}\r\x1c\r`,
      `\uFEFF${MSH}`,
      `FHS|^~\\&|A\rBHS|^~\\&|A\r${MSH}\r`,
      "MSH$%~\\&$A$B",
      "MSHxx",
      "EVN|A01|20260101\rPID|1\r",
      Buffer.from(MSH, "utf16le"),
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(MSH, "utf16le")]),
      Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(MSH, "utf16le").swap16()]),
    ]) {
      assert.equal(await kindOf(content), content === "MSHxx" ? "refused" : "hl7v2", JSON.stringify(content));
    }
  });

  test("a FHIR resource, on one line or many", async () => {
    assert.equal(await kindOf(EVENT), "fhir AuditEvent");
    assert.equal(await kindOf(`${EVENT}\n\n`), "fhir AuditEvent");
    assert.equal(await kindOf(JSON.stringify(JSON.parse(EVENT), null, 2)), "fhir AuditEvent");
    assert.equal(await kindOf(`\uFEFF  ${EVENT}`), "fhir AuditEvent");
    assert.equal(await kindOf('{"resourceType":"Bundle","entry":[]}'), "fhir Bundle");
    assert.equal(await kindOf(`{"text":"${"x".repeat(100_000)}","resourceType":"Provenance"}`), "fhir Provenance");
  });

  test("NDJSON, also with a broken first line, and with lines longer than what is looked at first", async () => {
    assert.equal(await kindOf(`${EVENT}\n${EVENT}\n`), "ndjson");
    assert.equal(await kindOf(`${EVENT}\r\n\r\n${EVENT}`), "ndjson");
    assert.equal(await kindOf(`{"resourceType":"AuditEvent", broken\n${EVENT}\n`), "ndjson");
  });

  test("a broken resource is still the resource it says it is, so that ingest can say where it breaks", async () => {
    assert.equal(await kindOf('{"resourceType" : "AuditEvent",\n "id": }'), "fhir AuditEvent");
  });

  test("everything else is neither", async () => {
    for (const content of [
      "",
      "   \n",
      "hello",
      "<Bundle/>",
      "[1,2]",
      "{}",
      '{"a":1}\n',
      "{",
      '{"resourceType":7}',
      "PK\x03\x04",
      "\0\0\0",
    ]) {
      assert.equal(await kindOf(content), "refused", content);
    }
  });

  test("never fails, whatever the bytes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom("", "{", "MSH|", '{"resourceType":'),
        async (bytes, start) => {
          await kindOf(Buffer.concat([Buffer.from(start), bytes]));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("files of paths", () => {
  test("folders are walked through by name, each file once, hidden ones left out, links not in circles, broken ones told of", async () => {
    const root = join(folder, "tree");
    await mkdir(join(root, "b", "deep"), { recursive: true });
    for (const name of ["c.hl7", "a.json", join("b", "x"), join("b", "deep", "y"), ".hidden"]) {
      await writeFile(join(root, name), "");
    }
    await symlink(root, join(root, "b", "circle"));
    await symlink(join(root, "nowhere"), join(root, "broken"));
    const found = (await filesOf([root, join(root, "a.json")])).map((path) => path.slice(root.length + 1));
    assert.deepEqual(found, ["a.json", join("b", "deep", "y"), join("b", "x"), "broken", "c.hl7"]);
  });

  test("a path that does not exist fails before anything is sent", async () => {
    await assert.rejects(filesOf([folder, join(folder, "missing")]), { at: join(folder, "missing"), exitCode: 2 });
  });
});
