/** Files that can be read two ways, and files meant to hurt whoever reads them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonical, eventText, sha256, type TestEvidence, TestLedger } from "./testing/ledger.ts";
import type { Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const verify = (value: unknown): Promise<Verdict> => verifyEvidence(JSON.stringify(value));
const refuted = async (value: unknown, reason: RegExp): Promise<void> => {
  const verdict = await verify(value);
  assert.equal(verdict.verdict, "refuted");
  assert.match(verdict.reasons.join("\n"), reason);
};

/** Evidence of one event in a block of its own. */
function single(text: string = eventText(1)): { ledger: TestLedger; file: TestEvidence } {
  const ledger = new TestLedger();
  const [place = 0] = ledger.anchor("A", "s-0", [text]);
  return { ledger, file: ledger.evidence([place, 0]) };
}

describe("texts with two readings", () => {
  it("refutes an anchored event that is not in canonical form, is not one event, or names a member twice", async () => {
    const good = eventText(1);
    const bad = [
      ` ${good}`,
      good.replace('"format":1', '"format":1.0'),
      good.replace('{"activity"', '{"id":"0","activity"'),
      good.replace("laboratory", "\\u006caboratory"),
      good.replace("laboratory-b", "\\ud800"),
      good.replace('"index":0', '"index":-0'),
      `${good}${good}`,
      "[]",
      "7",
      canonical({ format: 1 }),
      eventText(1, { id: "x" }),
      eventText(1, { records: [{ id: 7, role: "used" }] }),
    ];
    for (const text of bad) {
      const ledger = new TestLedger();
      const [place = 0] = ledger.anchor("A", "s-0", [text, eventText(2)]);
      await refuted(ledger.evidence([place, 0]), /^events\[0\]\.event/);
    }
  });

  it("refutes half of a surrogate pair, which would hash as another character does", async () => {
    const ledger = new TestLedger();
    const [place = 0] = ledger.anchor("A", "s-0", [eventText(1, { institution: "\ufffd" })]);
    const file = JSON.stringify(ledger.evidence([place, 0]));
    assert.equal((await verifyEvidence(file)).verdict, "proven");
    for (const half of ["\\ud800", "\ud800", "\\udfff"]) {
      const verdict = await verifyEvidence(file.replace("\ufffd", half));
      assert.equal(verdict.verdict, "refuted");
      assert.match(verdict.reasons.join(), /half of a surrogate pair/);
    }
  });

  it("takes members named like those of Object.prototype for what they are", async () => {
    const ledger = new TestLedger();
    const [place = 0] = ledger.anchor("A", "s-0", [
      eventText(1).replace('{"activity"', '{"__proto__":{"x":1},"activity"'),
    ]);
    assert.equal((await verify(ledger.evidence([place, 0]))).verdict, "proven");
    const file = JSON.stringify(ledger.evidence([place, 0]));
    assert.equal((await verifyEvidence(file.replace("{", '{"__proto__":{},'))).verdict, "refuted");
  });
});

describe("files meant to hurt", () => {
  it("ends soon on nesting bombs, in the file, in an event and in a block", async () => {
    const bomb = "[".repeat(1_000_000);
    assert.equal((await verifyEvidence(bomb)).verdict, "cannot-tell");
    assert.equal((await verifyEvidence('{"a":'.repeat(1_000_000))).verdict, "cannot-tell");
    const inEvent = single().file;
    if (inEvent.events[0] !== undefined) inEvent.events[0].event = `${bomb}${"]".repeat(1_000_000)}`;
    await refuted(inEvent, /events\[0\]\.event.*nested deeper than 200/);
    const inBlock = single().file;
    Object.assign(inBlock.ledger.blocks[0] ?? {}, { block: '{"a":'.repeat(500_000) });
    await refuted(inBlock, /ledger\.blocks\[0\]\.block.*nested deeper than 200/);
  });

  it("ends soon on endless strings, numbers, members, escapes and blanks", async () => {
    const head = '{"format":"medtrace-evidence/1","events":';
    const million = (text: string): string => text.repeat(1_000_000);
    const members = Array.from({ length: 300_000 }, (_, i) => `"m${i}":0`).join(",");
    const files = [
      `"${million("a")}`,
      million("1"),
      `{${members}}`,
      `"${million("\\\\")}"`,
      million(" "),
      `"${million('\\"')}`,
    ];
    for (const file of files) {
      assert.notEqual((await verifyEvidence(head + file)).verdict, "proven");
      assert.notEqual((await verifyEvidence(`${head}${file}}`)).verdict, "proven");
    }
  });

  it("ends soon on a block that anchors one batch a hundred thousand times", async () => {
    const { file, ledger } = single();
    const block = JSON.parse(ledger.blocks[0] ?? "");
    const [transaction] = block.transactions;
    block.transactions = Array.from({ length: 90_000 }, (_, i) => ({
      ...transaction,
      id: sha256(`${i}`).toString("hex"),
    }));
    Object.assign(file.ledger.blocks[0] ?? {}, { block: canonical(block) });
    await refuted(file, /anchor batch A:s-0:0 90000 times/);
  });
});
