import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { busy, startTestIngest, type TestIngest } from "../testing/ingest.ts";
import { jsonLines, run } from "../testing/terminal.ts";
import { addPublish } from "./publish.ts";

const folder = await mkdtemp(join(tmpdir(), "medtrace-publish-"));
let ingest: TestIngest;
before(async () => {
  ingest = await startTestIngest();
});
after(async () => {
  await ingest[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
let files = "";
let count = 0;
beforeEach(async () => {
  files = join(folder, String(++count));
  await mkdir(files);
});

const put = (name: string, content: string) => writeFile(join(files, name), content);
const publish = (...args: string[]) => run(["publish", files, ...args], [addPublish], ingest.env);

const audit = (id: string, more: object = {}) =>
  JSON.stringify({
    resourceType: "AuditEvent",
    id,
    type: { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" },
    action: "R",
    outcome: "0",
    recorded: "2026-03-01T08:00:00+01:00",
    agent: [{ type: { text: "user" }, who: { reference: "Practitioner/1" }, requestor: true }],
    source: { observer: { reference: "Device/1" } },
    entity: [{ what: { reference: `Observation/${id}` } }],
    ...more,
  });
const adt = (id: string, family = "Test") =>
  `MSH|^~\\&|PAS|HOSPA|EHR|HOSPA|20260301080000+0100||ADT^A01^ADT_A01|${id}|P|2.5.1\rEVN|A01|20260301080000+0100\r` +
  `PID|1||P1^^^HOSPA^MR||${family}^Ann\rPV1|1|I|W^1^1\r`;

describe("medtrace publish", () => {
  test("takes any mix, tells file by file, and adds nothing when it is sent again", async () => {
    await put("a.txt", audit(`${count}-1`));
    await put("b.json", `${audit(`${count}-2`)}\n${audit(`${count}-3`)}\n`);
    await put("c", adt(`${count}A`) + adt(`${count}B`));
    const entry = (id: string) => ({ resource: JSON.parse(audit(id)), request: { method: "POST", url: "AuditEvent" } });
    await put(
      "d",
      JSON.stringify({ resourceType: "Bundle", type: "batch", entry: [entry(`${count}-4`), entry(`${count}-5`)] }),
    );
    const first = await publish("--json");
    assert.deepEqual([first.code, first.err], [0, ""]);
    const reports = jsonLines(first.out);
    assert.deepEqual(
      reports.slice(0, 4).map(({ kind, accepted, duplicate, refused }) => [kind, accepted, duplicate, refused]),
      [
        ["FHIR", 1, 0, 0],
        ["FHIR NDJSON", 2, 0, 0],
        ["HL7 v2", 2, 0, 0],
        ["FHIR", 2, 0, 0],
      ],
    );
    assert.deepEqual(reports[4], { total: { files: 4, accepted: 7, flagged: 0, duplicate: 0, refused: 0 } });
    const taken = ingest.taken.length;
    const again = await publish();
    assert.equal(again.code, 0);
    assert.match(again.out, /^4 files: 7 duplicate$/m);
    assert.equal(ingest.taken.length, taken);
  });

  test("says of each refusal where it is and why, and ends with 1", async () => {
    await put(
      "a.ndjson",
      `${audit(`${count}-1`)}\n\n{"resourceType":"AuditEvent"}\n{"resourceType": broken}\n${audit(`${count}-2`)}\n`,
    );
    await put("b.hl7", `${adt(`${count}A`)}MSH|^~\\&|PAS|HOSPA|EHR|HOSPA|20260301||ADT^A01|${count}B|P|7.7\rPID|1\r`);
    await put("c.json", '{"resourceType":"AuditEvent",\n"id": }');
    await put("d.json", '{"resourceType":"Patient"}');
    await put("e.pdf", "%PDF-1.7");
    const { code, out } = await publish("--json");
    assert.equal(code, 1);
    const [a, b, c, d, e, total] = jsonLines(out) as {
      refusals: { at: string; code: string; message: string }[];
      accepted: number;
      total: object;
    }[];
    assert.deepEqual([a?.accepted, b?.accepted], [2, 1]);
    assert.match(a?.refusals[0]?.at ?? "", /^line 3, /);
    assert.match(a?.refusals[1]?.at ?? "", /^line 4/);
    assert.match(b?.refusals[0]?.at ?? "", /^message 2 \(MSH-10 .*\), MSH-12$/);
    assert.deepEqual([c?.refusals[0]?.code, d?.refusals[0]?.code], ["INPUT_MALFORMED", "INPUT_UNSUPPORTED"]);
    assert.equal(e?.refusals[0]?.message, "not HL7 v2 or FHIR");
    assert.deepEqual(total?.total, { files: 5, accepted: 3, flagged: 0, duplicate: 0, refused: 6 });
    const text = await publish();
    assert.match(text.out, /e\.pdf {2}1 refused\n {4}refused not HL7 v2 or FHIR\n/);
    assert.match(text.out, /refused line 3/);
  });

  test("the same id with other content is refused: of two files it is the second", async () => {
    await put("a.hl7", adt(`${count}A`));
    await put("b.hl7", adt(`${count}A`, "Other"));
    const [a, b] = jsonLines((await publish("--json")).out) as { accepted: number; refusals: { code: string }[] }[];
    assert.equal(a?.accepted, 1);
    assert.equal(b?.refusals[0]?.code, "EVENT_CONFLICT");
  });

  test("counts what is odd but taken as flagged, and names it", async () => {
    await put("a.hl7", adt(`${count}A`).replace("|P|2.5.1", "|T|2.5.1"));
    const { code, out } = await publish();
    assert.equal(code, 0);
    assert.match(out, /HL7 v2: 1 accepted, 1 flagged\n {4}flagged hl7:not-production \(1\)/);
  });

  test("waits where ingest is busy, and counts nothing twice", async () => {
    await put("a.json", audit(`${count}-1`));
    await put("b.hl7", adt(`${count}A`));
    ingest.failNext(busy(), busy());
    const { code, out } = await publish();
    assert.equal(code, 0);
    assert.match(out, /^2 files: 2 accepted$/m);
  });

  test("gives up with 2 where ingest stays busy for longer than was allowed", async () => {
    await put("b.hl7", adt(`${count}A`));
    ingest.failNext(busy(), busy(), busy(), busy());
    const { code, err } = await publish("--retry-seconds", "0");
    assert.equal(code, 2);
    assert.match(err, /did not take everything within 0 s.*run again later/);
    ingest.failNext();
    assert.equal((await publish("--retry-seconds", "30")).code, 0);
  });

  test("speaks for the institution that it is told, and with the token that it is given", async () => {
    await put("a.json", audit(`${count}-1`));
    await publish("--institution", "hospital-b");
    assert.equal(ingest.taken.at(-1)?.institution, "hospital-b");
    const { code, err } = await publish("--token", "not.a.token");
    assert.equal(code, 2);
    assert.match(err, /^medtrace: ingest refused the token: .* — give --token, or set MEDTRACE_DATA/);
  });

  test("ends with 2 where there is no ingest, no file, or no such file", async () => {
    const closed = { ...ingest.env, INGEST_URL: "http://127.0.0.1:1" };
    await put("a.json", audit("x"));
    const gone = await run(["publish", files, "--retry-seconds", "0"], [addPublish], closed);
    assert.equal(gone.code, 2);
    assert.match(
      gone.err,
      /^medtrace: ingest cannot be reached \(http:\/\/127\.0\.0\.1:1\) — start it with medtrace start/,
    );
    assert.equal((await run(["publish", join(files, "none")], [addPublish], ingest.env)).code, 2);
    await mkdir(join(files, "empty"));
    assert.equal((await run(["publish", join(files, "empty")], [addPublish], ingest.env)).code, 2);
  });

  const real = process.env["MEDTRACE_TEST_DATA"] ?? join(import.meta.dirname, "../../../../..", "shared", "data");
  test("takes a folder of real files, and the second time as duplicates alone", {
    skip: !existsSync(real) && `no ${real}`,
  }, async () => {
    const counts = async (): Promise<Record<string, number>> => {
      const { out } = await run(["publish", real, "--json"], [addPublish], ingest.env);
      return jsonLines(out).at(-1)?.["total"] as Record<string, number>;
    };
    const first = await counts();
    const taken = ingest.taken.length;
    const second = await counts();
    assert.ok((first["accepted"] ?? 0) > 1_000);
    assert.equal(second["accepted"], 0);
    assert.equal(second["duplicate"], (first["accepted"] ?? 0) + (first["duplicate"] ?? 0));
    assert.equal(second["refused"], first["refused"]);
    assert.equal(ingest.taken.length, taken);
  });
});
