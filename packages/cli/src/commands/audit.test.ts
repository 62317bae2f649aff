import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { rangeLeaves } from "@medtrace/shared/log-range";
import { type Batch, batchHash, NO_BATCH, streamName } from "@medtrace/shared/model/batch";
import { hex, utf8 } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import { jsonLines, type Ran, run } from "../testing/terminal.ts";
import { addAudit } from "./audit.ts";

const data = await mkdtemp(join(tmpdir(), "medtrace-audit-"));
const urls = { EVENT_LOG_URL: `embedded:${join(data, "log")}`, LEDGER_URL: `embedded:${join(data, "ledger")}` };
const env = { ...urls, LEDGER_OWNER: "SupervisorMSP" };
const audit = (args: string[] = [], over = {}): Promise<Ran> =>
  run(["audit", ...args], [addAudit], { ...env, ...over });

let partition = 0;

/** Anchors three batches of ten records as this institution; `root` gives each batch's root. */
async function anchor(owner: string, root: (leaves: readonly Uint8Array[]) => string): Promise<void> {
  await using log = await openEventLog(urls.EVENT_LOG_URL);
  await using ledger = await openLedger(urls.LEDGER_URL, { owner });
  let head: Batch | undefined;
  for (let sequence = 0; sequence < 3; sequence++) {
    const [first, end] = [10 * sequence, 10 * sequence + 10];
    const leaves = await rangeLeaves(log, partition, first, end);
    const previous = head === undefined ? NO_BATCH : batchHash(head);
    head = {
      format: 1,
      stream: streamName(log.name, partition),
      sequence,
      first,
      end,
      count: 10,
      root: root(leaves),
      previous,
    };
    await ledger.anchorBatch(head);
  }
}

describe("medtrace audit", () => {
  before(async () => {
    await using log = await openEventLog(urls.EVENT_LOG_URL);
    const positions = await log.append(
      Array.from({ length: 30 }, (_, i) => ({ key: "one", value: utf8(`{"record":${i}}`) })),
    );
    partition = positions[0]?.partition ?? 0;
    await anchor("HospitalAMSP", (leaves) => hex(merkleRoot(leaves)));
    await anchor("HospitalBMSP", () => "b".repeat(64));
  });
  after(() => rm(data, { recursive: true }));

  test("a sound ledger: each institution's streams, and what was checked and what was not", async () => {
    const { code, out } = await audit();
    assert.equal(code, 0, out);
    assert.match(out, /^sound: /);
    assert.match(out, /^HospitalAMSP: 30 records in 3 batches of 1 streams\n {2}\S+: whole; 30 records at 0 to 30/m);
    assert.match(out, /^HospitalBMSP: 30 records in 3 batches/m);
    assert.match(out, /^checked: every stream: /m);
    assert.match(out, /^on trust: /m);
    assert.match(out, /^not checked: the records behind 2 streams/m);
  });

  test("with an institution's log, its records are recomputed, and no other's", async () => {
    const { code, out } = await audit(["--records-of", "HospitalAMSP", "--json"]);
    assert.equal(code, 0, out);
    const [summary] = jsonLines(out).slice(-1) as [{ streams: { institution: string; recordsRead: boolean }[] }];
    assert.deepEqual(
      summary.streams.map(({ institution, recordsRead }) => [institution, recordsRead]),
      [
        ["HospitalAMSP", true],
        ["HospitalBMSP", false],
      ],
    );
  });

  test("an institution that audits with its own log set has its own records recomputed", async () => {
    assert.equal((await audit([], { LEDGER_OWNER: "HospitalAMSP" })).code, 0);
    assert.equal((await audit([], { LEDGER_OWNER: "HospitalBMSP" })).code, 1);
    assert.equal((await audit([], { LEDGER_OWNER: "HospitalBMSP", EVENT_LOG_URL: undefined })).code, 0);
  });

  test("roots that the records do not give are told, batch by batch, and end with 1", async () => {
    const { code, out } = await audit(["--records-of", "HospitalBMSP", "--json"]);
    assert.equal(code, 1);
    const lines = jsonLines(out);
    const findings = lines.flatMap(({ finding }) => (finding === undefined ? [] : [finding as { what: string }]));
    assert.equal(findings.length, 3);
    for (const { what } of findings) assert.match(what, /another root/);
    assert.deepEqual([lines.at(-1)?.["sound"], lines.at(-1)?.["findings"]], [false, 3]);
  });

  test("a ledger that was changed at rest is found", async () => {
    const db = new DatabaseSync(join(data, "ledger", "ledger.sqlite"));
    const { value } = db.prepare("SELECT value FROM state WHERE key LIKE 'head/HospitalAMSP/%'").get() as {
      value: Uint8Array;
    };
    db.prepare("DELETE FROM state WHERE key LIKE 'head/HospitalAMSP/%'").run();
    const { code, out } = await audit();
    const key = `head/HospitalAMSP/${streamName("events", partition)}`;
    db.prepare("INSERT INTO state (key, value) VALUES (?, ?)").run(key, value);
    db.close();
    assert.equal(code, 1, out);
    assert.match(out, /✗ .*does not have it/);
  });

  test("what cannot be read ends with 2, and is not made", async () => {
    for (const [args, over, says] of [
      [[], { LEDGER_URL: `embedded:${join(data, "nowhere")}` }, /there is no ledger here/],
      [["--records-of", "A"], { EVENT_LOG_URL: undefined }, /no event log to read records of \(EVENT_LOG_URL\)/],
      [["--records-of", "A"], { EVENT_LOG_URL: `embedded:${join(data, "nowhere")}` }, /there is no event log here/],
    ] as const) {
      const { code, out, err } = await audit([...args], over);
      assert.deepEqual([code, out], [2, ""]);
      assert.match(err, says);
    }
  });
});
