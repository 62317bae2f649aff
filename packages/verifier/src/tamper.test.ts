/** Nothing in an evidence file may be changed unseen: every leaf, member, array and byte. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { changed, LEAF_CHANGES, named, places } from "./testing/changes.ts";
import { sample, sha256, type TestEvidence } from "./testing/ledger.ts";
import type { Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const sealedFile = (): unknown => sample().evidence;
const verify = (value: unknown): Promise<Verdict> => verifyEvidence(JSON.stringify(value));

describe("a changed evidence file", () => {
  it("is never proven, whatever becomes of one leaf", async () => {
    const file = sealedFile();
    for (const [path, leaf] of places(file)) {
      if (typeof leaf === "object") continue;
      for (const change of LEAF_CHANGES) {
        const other = changed(file, path, change);
        if (JSON.stringify(other) === JSON.stringify(file)) continue;
        const { verdict } = await verify(other);
        assert.notEqual(verdict, "proven", `${named(path)}: ${JSON.stringify(change(leaf))}`);
      }
    }
  });

  it("is never proven with a member more or less in any object", async () => {
    const file = sealedFile();
    for (const [path, value] of places(file)) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
      for (const extra of ["comment", "__proto__x", "constructor", "root", "0"]) {
        if (extra in value && extra !== "constructor") continue;
        const more = changed(file, path, (object) => ({ ...(object as object), [extra]: "x" }));
        assert.notEqual((await verify(more)).verdict, "proven", `${named(path)} and ${extra}`);
      }
      for (const member of Object.keys(value)) {
        const less = changed(file, path, (object) => {
          const { [member]: _, ...rest } = object as Record<string, unknown>;
          return rest;
        });
        assert.notEqual((await verify(less)).verdict, "proven", `${named(path)} without ${member}`);
      }
    }
  });

  it("is never proven with a member named twice, whichever comes first", async () => {
    const file = JSON.stringify(sealedFile());
    for (const match of file.matchAll(
      /[{,]("(?:format|events|event|index|path|owner|root|count|ledger|checkpoint|key|block)"):/g,
    )) {
      const at = match.index + 1;
      const doubled = `${file.slice(0, at)}${match[1]}:0,${file.slice(at)}`;
      const verdict = await verifyEvidence(doubled);
      assert.equal(verdict.verdict, "refuted");
      assert.match(verdict.reasons.join(), /two members of one object are named/);
    }
  });

  it("is never proven with an item more in any array, and with one less only as the smaller evidence that it is", async () => {
    const file = sealedFile() as TestEvidence;
    for (const [path, value] of places(file)) {
      if (!Array.isArray(value)) continue;
      for (const i of value.keys()) {
        const doubled = changed(file, path, () => [...value, value[i]]);
        assert.notEqual((await verify(doubled)).verdict, "proven", `${named(path)}[${i}] twice`);
        const less = await verify(changed(file, path, () => value.filter((_, index) => index !== i)));
        if (less.verdict !== "proven") continue;
        assert.equal(named(path), "events");
        const rest = file.events.filter((_, index) => index !== i).map((entry) => JSON.parse(entry.event).id);
        assert.deepEqual(
          less.events.map((event) => event.id),
          rest,
        );
      }
      const verdict = await verify(changed(file, path, () => value.toReversed()));
      const harmless = value.length < 2 || named(path) === "events" || named(path) === "ledger.blocks";
      assert.equal(verdict.verdict, harmless ? "proven" : "refuted", `${named(path)} reversed`);
    }
  });

  it("is refuted for one byte changed anywhere, but where that unmakes the format's or the ledger's name", async () => {
    const { ledger } = sample();
    const bytes = new TextEncoder().encode(JSON.stringify(ledger.evidence([2, 0], [2, 2])));
    const text = new TextDecoder("latin1").decode(bytes);
    const names = [...text.matchAll(/"format":"medtrace-evidence\/1"|"kind":"embedded"/g)];
    for (const at of bytes.keys()) {
      const other = bytes.slice();
      other[at] = (bytes[at] ?? 0) ^ (1 << (at % 7));
      const { verdict, reasons } = await verifyEvidence(other);
      const inName = names.some((name) => at >= name.index && at < name.index + name[0].length);
      if (inName) assert.notEqual(verdict, "proven", `byte ${at}`);
      else assert.equal(verdict, "refuted", `byte ${at} in ${text.slice(at - 20, at + 20)}: ${reasons}`);
    }
  });

  it("is never proven for bytes changed, removed or added at random", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(sealedFile()));
    const value = sealedFile();
    for (let run = 0; run < 400; run++) {
      const random = sha256(`run ${run}`);
      let other = [...bytes];
      for (let edit = 0; edit <= run % 3; edit++) {
        const at = random.readUInt32LE(4 * edit) % bytes.length;
        const sizes = random[12 + edit] ?? 0;
        other = [...other.slice(0, at), ...random.subarray(16, 16 + (sizes % 4)), ...other.slice(at + (sizes >> 6))];
      }
      const file = Uint8Array.from(other);
      const { verdict } = await verifyEvidence(file);
      if (verdict === "proven") assert.deepEqual(JSON.parse(new TextDecoder().decode(file)), value, `run ${run}`);
    }
  });
});

describe("what a change is called", () => {
  const cases: [string, (file: TestEvidence) => void, RegExp][] = [
    ["event", (file) => void replaceIn(file.events[1], "event", "hospital-a", "hospital-b"), /^events\[1\]: /],
    ["proof", (file) => void flip(file.events[2]?.path, 1), /^events\[2\]: /],
    ["index", (file) => void Object.assign(file.events[0] ?? {}, { index: 3 }), /^events\[0\]: /],
    ["root", (file) => void flip(file.batches[1]?.batch, "root"), /^batches\[1\]\.batch\.root: /],
    [
      "owner",
      (file) => void Object.assign(file.batches[0] ?? {}, { owner: "OtherMSP" }),
      /^batches\[0\]: no|^batches\[0\]: the file's blocks/,
    ],
    [
      "block",
      (file) => void replaceIn(file.ledger.blocks[1], "block", "HospitalAMSP", "HospitalBMSP"),
      /^ledger\.blocks\[1\]\.block: /,
    ],
    ["block's path", (file) => void flip(file.ledger.blocks[2]?.path, 0), /^ledger\.blocks\[2\]\.block: /],
    [
      "checkpoint",
      (file) => void replaceIn(file.ledger, "checkpoint", "\n5\n", "\n6\n"),
      /^ledger\.checkpoint, signature 1: /,
    ],
    [
      "signature",
      (file) => void replaceIn(file.ledger, "checkpoint", /(.)(.{6}\n)$/, "A$2"),
      /^ledger\.checkpoint, signature 1: /,
    ],
    ["key", (file) => void replaceIn(file.ledger, "key", /.$/, "A"), /^ledger\.key: /],
  ];
  for (const [name, change, reason] of cases) {
    it(`names the ${name} that was changed first`, async () => {
      const { evidence } = sample();
      change(evidence);
      const verdict = await verify(evidence);
      assert.equal(verdict.verdict, "refuted");
      assert.match(verdict.reasons[0] ?? "", reason);
    });
  }

  it("leaves the other events proven where one alone was changed", async () => {
    const { evidence } = sample();
    replaceIn(evidence.events[1], "event", "hospital-a", "hospital-b");
    assert.deepEqual(
      (await verify(evidence)).events.map((event) => event.verdict),
      ["proven", "refuted", "proven", "proven", "proven"],
    );
  });
});

function replaceIn(object: object | undefined, member: string, from: string | RegExp, to: string): void {
  const holder = object as Record<string, string>;
  holder[member] = (holder[member] ?? "").replace(from, to);
}

function flip(object: object | undefined, member: string | number): void {
  replaceIn(
    object,
    String(member),
    /^./,
    "x".replace("x", (object as string[])[member as number]?.startsWith("0") ? "1" : "0"),
  );
}
