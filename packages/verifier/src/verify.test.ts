import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventText, NoteKey, sample, TestLedger } from "./testing/ledger.ts";
import { verifyEvidence } from "./verify.ts";

describe("evidence as the ledger gives it", () => {
  it("is proven, with each event's own words and its place on the ledger", async () => {
    const { evidence } = sample();
    const verdict = await verifyEvidence(JSON.stringify(evidence));
    assert.deepEqual(verdict.reasons, []);
    assert.equal(verdict.verdict, "proven");
    assert.equal(verdict.proved.length, 5);
    const [first] = verdict.events;
    assert.equal(first?.id, JSON.parse(eventText(0)).id);
    assert.equal(first?.facts?.institution, "hospital-a");
    assert.equal(first?.facts?.activity.kind, "read");
    assert.deepEqual(first?.anchor, {
      owner: "HospitalAMSP",
      stream: "log-0",
      sequence: 0,
      index: 0,
      count: 7,
      block: 0,
    });
    assert.equal(verdict.checkpoint?.size, 5);
  });

  it("is proven for every event of trees of 1 to 17 leaves, and for every block of logs of 1 to 9", async () => {
    for (let count = 1; count <= 17; count++) {
      const ledger = new TestLedger();
      for (let before = 0; before < count % 5; before++) ledger.anchor("A", "s-0", [eventText(1_000 + before)]);
      const [place = 0] = ledger.anchor(
        "A",
        "s-0",
        Array.from({ length: count }, (_, i) => eventText(i)),
      );
      for (let after = 0; after < count % 4; after++) ledger.anchor("A", "s-0", [eventText(2_000 + after)]);
      const all = Array.from({ length: count }, (_, i) => [place, i] as const);
      assert.equal(
        (await verifyEvidence(JSON.stringify(ledger.evidence(...all)))).verdict,
        "proven",
        `${count} leaves`,
      );
    }
  });

  it("is proven in other white space, member order and escapes, which are the same JSON value", async () => {
    const { evidence } = sample();
    const reversed = Object.fromEntries(Object.entries(evidence).reverse());
    assert.equal((await verifyEvidence(`\n${JSON.stringify(reversed, null, 4)}\r\n\t `)).verdict, "proven");
    const ascii = JSON.stringify(evidence).replace(
      /[^\x20-\x7e]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    assert.equal((await verifyEvidence(ascii)).verdict, "proven");
    assert.equal((await verifyEvidence(new TextEncoder().encode(ascii))).verdict, "proven");
  });

  it("says what it did not check", async () => {
    const verdict = await verifyEvidence(JSON.stringify(sample().evidence));
    assert.match(verdict.notChecked.join("\n"), /sealed parts were not opened.*completeness is not claimed/s);
  });
});

describe("trust", () => {
  it("says loudly that a key which came with the file was taken on trust", async () => {
    const { evidence, ledger } = sample();
    const verdict = await verifyEvidence(JSON.stringify(evidence));
    assert.equal(verdict.checkpoint?.pinned, false);
    assert.match(verdict.onTrust[0] ?? "", /THE KEY\. It came with the file itself.*--trust/);
    assert.ok(verdict.onTrust[0]?.includes(ledger.key.vkey));
  });

  it("is the reader's where the reader's key signed", async () => {
    const { evidence, ledger } = sample();
    const trust = [new NoteKey("ledger.example/other", "other").vkey, ledger.key.vkey];
    const verdict = await verifyEvidence(JSON.stringify(evidence), { trust, requireTrust: true });
    assert.equal(verdict.verdict, "proven");
    assert.equal(verdict.checkpoint?.pinned, true);
    assert.doesNotMatch(verdict.onTrust.join("\n"), /came with the file/);
  });

  it("refutes where no key of the reader's signed", async () => {
    const { evidence } = sample();
    const trust = [new NoteKey("ledger.example/region", "another seed").vkey];
    const verdict = await verifyEvidence(JSON.stringify(evidence), { trust });
    assert.equal(verdict.verdict, "refuted");
    assert.match(verdict.reasons.join("\n"), /ledger\.checkpoint: none of the keys given by --trust signed/);
  });

  it("cannot be told where a key is required and none was given, or the one given is no key", async () => {
    const text = JSON.stringify(sample().evidence);
    assert.equal((await verifyEvidence(text, { requireTrust: true })).verdict, "cannot-tell");
    for (const key of ["", "x", "a+00000000+AAAA", `ledger.example/region+00000000+${"A".repeat(44)}`]) {
      assert.equal((await verifyEvidence(text, { trust: [key], requireTrust: true })).verdict, "cannot-tell", key);
    }
  });

  it("takes a second signature only by a key that someone named", async () => {
    const { evidence, ledger } = sample();
    const second = new NoteKey(ledger.origin, "second");
    evidence.ledger.checkpoint = ledger.checkpoint(ledger.key, second);
    const unnamed = await verifyEvidence(JSON.stringify(evidence));
    assert.equal(unnamed.verdict, "cannot-tell");
    assert.match(unnamed.reasons.join("\n"), /signature 2: by a key that neither the file nor --trust names/);
    assert.equal((await verifyEvidence(JSON.stringify(evidence), { trust: [second.vkey] })).verdict, "proven");
  });
});

describe("what this verifier does not know", () => {
  const cases: Record<string, (evidence: ReturnType<typeof sample>["evidence"]) => unknown> = {
    "a later format of evidence": (evidence) => ({ ...evidence, format: "medtrace-evidence/2", more: true }),
    "another kind of ledger": (evidence) => ({ ...evidence, ledger: { kind: "other", transaction: "x" } }),
    "some other JSON": () => ({ resourceType: "AuditEvent" }),
    "a bare number": () => 7,
  };
  for (const [name, change] of Object.entries(cases)) {
    it(`cannot be told: ${name}`, async () => {
      const verdict = await verifyEvidence(JSON.stringify(change(sample().evidence)));
      assert.equal(verdict.verdict, "cannot-tell");
      assert.equal(verdict.reasons.length, 1);
    });
  }

  it("cannot be told: an event or a block of a later format that the ledger does hold", async () => {
    const ledger = new TestLedger();
    const [place = 0] = ledger.anchor("A", "s-0", [eventText(1, { format: 2 }), eventText(2)]);
    const verdict = await verifyEvidence(JSON.stringify(ledger.evidence([place, 0], [place, 1])));
    assert.equal(verdict.verdict, "cannot-tell");
    assert.deepEqual(
      verdict.events.map((event) => event.verdict),
      ["cannot-tell", "proven"],
    );
    const [block = ""] = ledger.blocks;
    ledger.blocks[0] = block.replace('{"format":1,"number"', '{"format":2,"number"');
    assert.equal((await verifyEvidence(JSON.stringify(ledger.evidence([place, 1])))).verdict, "cannot-tell");
  });

  it("cannot be told: bytes that are no evidence, too many of them, or none", async () => {
    const inputs = ["", "\u0000", "{", new Uint8Array(), Uint8Array.of(0xff, 0xfe, 0x7b), new Uint8Array(200_000_000)];
    for (const input of inputs) assert.equal((await verifyEvidence(input)).verdict, "cannot-tell");
  });
});
