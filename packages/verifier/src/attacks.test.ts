/** Forgeries that a naive verifier would take. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { auditPath, canonical, eventText, NoteKey, sample, TestLedger, treeHash } from "./testing/ledger.ts";
import type { Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const verify = (value: unknown): Promise<Verdict> => verifyEvidence(JSON.stringify(value));
const refuted = async (value: unknown, reason: RegExp): Promise<void> => {
  const verdict = await verify(value);
  assert.equal(verdict.verdict, "refuted");
  assert.match(verdict.reasons.join("\n"), reason);
};

/** A ledger of one batch of eight events, and the evidence of the given ones. */
function eight(...wanted: number[]): { texts: string[]; ledger: TestLedger; file: ReturnType<TestLedger["evidence"]> } {
  const texts = Array.from({ length: 8 }, (_, i) => eventText(i));
  const ledger = new TestLedger();
  const [place = 0] = ledger.anchor("A", "s-0", texts);
  ledger.anchor("A", "s-0", [eventText(100)]);
  return { texts, ledger, file: ledger.evidence(...wanted.map((index) => [place, index] as const)) };
}

/** The file's first event. */
function first(file: ReturnType<TestLedger["evidence"]>): (typeof file.events)[number] {
  const [event] = file.events;
  assert.ok(event);
  return event;
}

describe("proofs that do not prove", () => {
  it("refutes two events that swapped their paths", async () => {
    const { file } = eight(0, 5);
    const [a, b] = file.events;
    assert.ok(a && b);
    [a.path, b.path] = [b.path, a.path];
    await refuted(file, /events\[0\]: event, index and path do not lead/);
  });

  it("refutes a path that ends early at an inner node, or goes on beyond the root", async () => {
    const { file, texts } = eight(0);
    const { path } = first(file);
    first(file).path = path.slice(0, -1);
    await refuted(file, /events\[0\]: event, index and path/);
    first(file).path = [...path, treeHash(texts).toString("hex")];
    await refuted(file, /events\[0\]: event, index and path/);
  });

  it("refutes an inner node in the place of a leaf, and a leaf whose text is an inner node's input", async () => {
    const { texts, ledger } = eight(0);
    const inner = Buffer.concat([treeHash(texts.slice(0, 1)), treeHash(texts.slice(1, 2))]).toString("latin1");
    const file = ledger.evidence([0, 0]);
    for (const event of [inner, `\u0001${inner}`, treeHash(texts.slice(0, 2)).toString("hex")]) {
      Object.assign(first(file), { event, path: auditPath(0, texts).slice(1) });
      await refuted(file, /events\[0\]: event, index and path/);
    }
  });

  it("refutes a tree whose claimed size would make a shorter path fit", async () => {
    const { file, texts } = eight(0);
    Object.assign(file.batches[0]?.batch ?? {}, { count: 4, root: treeHash(texts.slice(0, 4)).toString("hex") });
    first(file).path = auditPath(0, texts.slice(0, 4));
    await refuted(file, /batches\[0\]\.batch\.count: not what the block anchored; different: count, root/);
  });

  it("refutes an index at or beyond the batch's count", async () => {
    for (const index of [8, 9, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const { file } = eight(0);
      first(file).index = index;
      await refuted(file, /events\[0\]: event, index and path/);
    }
  });

  it("refutes an event shown under another batch, or under none", async () => {
    const { evidence } = sample();
    Object.assign(evidence.events[0] ?? {}, { batch: 1 });
    await refuted(evidence, /events\[0\]: event, index and path do not lead to the root of batches\[1\]/);
    Object.assign(evidence.events[0] ?? {}, { batch: 99 });
    await refuted(evidence, /events\[0\]\.batch: the file has no batch 99/);
  });

  it("refutes one event shown twice", async () => {
    const { file } = eight(3, 3);
    await refuted(file, /events: two events of the file have one id/);
  });

  it("refutes a path of half a million hashes without working through it", async () => {
    const { file } = eight(0);
    first(file).path = Array.from({ length: 500_000 }, () => "0".repeat(64));
    await refuted(file, /events\[0\]\.path: 0 to 53 items are expected/);
  });
});

describe("ledgers that do not hold it", () => {
  it("refutes a batch that the attacker made and no block anchors", async () => {
    const { file } = eight(0);
    const forged = eventText(0, { institution: "somewhere-else" });
    const batch = { ...file.batches[0]?.batch, root: treeHash([forged]).toString("hex"), first: 0, end: 1, count: 1 };
    Object.assign(file, {
      batches: [{ owner: "A", batch }],
      events: [{ event: forged, batch: 0, index: 0, path: [] }],
    });
    await refuted(file, /batches\[0\]\.batch\.end: not what the block anchored/);
  });

  it("refutes a block of the attacker's under a true checkpoint", async () => {
    const other = new TestLedger();
    const [place = 0] = other.anchor("A", "s-0", [eventText(0, { institution: "somewhere-else" })]);
    const forged = other.evidence([place, 0]);
    const { ledger } = sample();
    Object.assign(forged.ledger, { checkpoint: ledger.checkpoint(), key: ledger.key.vkey });
    await refuted(forged, /ledger\.blocks\[0\]\.block: the block and its path do not lead/);
  });

  it("refutes the checkpoint of another log, though its signature holds", async () => {
    const { evidence, ledger } = sample();
    const other = new TestLedger("ledger.example/other", "other");
    other.anchor("A", "s-0", [eventText(1)]);
    Object.assign(evidence.ledger, { checkpoint: other.checkpoint(), key: other.key.vkey });
    await refuted(evidence, /ledger\.blocks\[0\]\.block/);
    const mixed = sample().evidence;
    mixed.ledger.checkpoint = other.checkpoint(ledger.key);
    await refuted(
      mixed,
      /ledger\.key: the key is ledger\.example\/region's, but the checkpoint is of ledger\.example\/other/,
    );
  });

  it("refutes the trusted key's signature where its name is another log's", async () => {
    const { ledger } = sample();
    const other = new NoteKey("ledger.example/elsewhere", "elsewhere");
    const evidence = ledger.evidence([0, 0]);
    evidence.ledger.checkpoint = ledger.checkpoint(ledger.key, other);
    const verdict = await verifyEvidence(JSON.stringify(evidence), { trust: [other.vkey] });
    assert.equal(verdict.verdict, "refuted");
  });

  it("refutes a batch that the log anchors twice, or that the file lists twice", async () => {
    const ledger = new TestLedger();
    const [place = 0] = ledger.anchor("A", "s-0", [eventText(1)]);
    const block = JSON.parse(ledger.blocks[0] ?? "");
    block.transactions.push({ ...block.transactions[0], id: "f".repeat(64) });
    ledger.blocks[0] = canonical(block);
    await refuted(
      ledger.evidence([place, 0]),
      /batches\[0\]: the file's blocks anchor batch A:s-0:0 2 times, not once/,
    );
    const { file } = eight(0, 1);
    Object.assign(file, { batches: [file.batches[0], file.batches[0]] });
    Object.assign(file.events[1] ?? {}, { batch: 1 });
    await refuted(file, /batches\[1\]: the file lists batch A:s-0:0 twice/);
  });

  it("refutes batches and blocks that no event hangs on", async () => {
    const { ledger } = eight(0);
    const wide = ledger.evidence([0, 0], [1, 0]);
    await refuted({ ...wide, events: wide.events.slice(0, 1) }, /batches\[1\]: no event of the file is in this batch/);
    const narrow = ledger.evidence([0, 0]);
    narrow.ledger.blocks = wide.ledger.blocks;
    await refuted(narrow, /ledger\.blocks\[1\]: no batch of the file is in this block/);
  });

  it("refutes batches that break their own rules, though a block anchors them", async () => {
    for (const odd of [{ count: 0 }, { end: 0 }, { previous: "1".repeat(64) }, { sequence: 1 }]) {
      const ledger = new TestLedger();
      const [place = 0] = ledger.anchor("A", "s-0", [eventText(1)]);
      const block = JSON.parse(ledger.blocks[0] ?? "");
      Object.assign(block.transactions[0].batch, odd);
      ledger.blocks[0] = canonical(block);
      const file = ledger.evidence([place, 0]);
      Object.assign(file.batches[0]?.batch ?? {}, odd);
      await refuted(file, /batches\[0\]/);
    }
  });
});

describe("signatures that do not sign", () => {
  it("refutes another key's signature under the same name, and under the same name and id", async () => {
    const { evidence, ledger } = sample();
    const other = new NoteKey(ledger.origin, "other");
    evidence.ledger.checkpoint = ledger.checkpoint(other);
    await refuted(evidence, /ledger\.key: the key in the file did not sign/);
    const text = ledger.checkpointText();
    const bytes = Buffer.from(other.line(text).trim().split(" ").at(-1) ?? "", "base64");
    ledger.key.id.copy(bytes);
    evidence.ledger.checkpoint = `${text}\n\u2014 ${ledger.origin} ${bytes.toString("base64")}\n`;
    await refuted(evidence, /ledger\.checkpoint, signature 1: not a signature of/);
  });

  it("refutes a verifier key whose id is not that of its name and key", async () => {
    const { evidence, ledger } = sample();
    evidence.ledger.key = ledger.key.vkey.replace(/\+[0-9a-f]{8}\+/, "+01234567+");
    await refuted(evidence, /ledger\.key: the verifier key's id is not/);
  });

  it("refutes the second form of an Ed25519 signature, whose S is larger by the group's order", async () => {
    const { evidence, ledger } = sample();
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const text = ledger.checkpointText();
    const line = ledger.key.line(text, (signature) => {
      const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString("hex")}`) + order;
      const raised = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
      return Buffer.concat([signature.subarray(0, 32), raised]);
    });
    evidence.ledger.checkpoint = `${text}\n${line}`;
    await refuted(evidence, /signature 1: not a signature of/);
  });

  it("refutes a signature that is doubled, cut, lengthened, or spelt in other base64", async () => {
    const { ledger } = sample();
    const text = ledger.checkpointText();
    const line = ledger.key.line(text);
    const lines = [
      line + line,
      ledger.key.line(text, (signature) => signature.subarray(0, 63)),
      ledger.key.line(text, (signature) => Buffer.concat([signature, Uint8Array.of(0)])),
      line.replace(/.=?=?\n$/, ""),
      line.replace("\n", " \n"),
      `${line}\n`,
      line.replace("\u2014", "-"),
    ];
    for (const forged of lines) {
      const { evidence } = sample();
      evidence.ledger.checkpoint = `${text}\n${forged}`;
      await refuted(evidence, /ledger\.checkpoint/);
    }
  });

  it("refutes a checkpoint that says more than origin, size and root, though it is signed", async () => {
    const { ledger } = sample();
    for (const change of [
      `${ledger.checkpointText()}extension\n`,
      ledger.checkpointText().replace("\n5\n", "\n05\n"),
    ]) {
      const { evidence } = sample();
      evidence.ledger.checkpoint = `${change}\n${ledger.key.line(change)}`;
      await refuted(evidence, /ledger\.checkpoint: the checkpoint's text is not three lines/);
    }
  });
});
