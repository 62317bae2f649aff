/** Nothing in Fabric's evidence may be changed unseen: no field of it, no field of a certificate, no field of a CA's. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readTrust } from "./files.ts";
import { changed, LEAF_CHANGES, named, places } from "./testing/changes.ts";
import { ENVELOPE, encoded, type Form, type Part, partsOf, replaced } from "./testing/fields.ts";
import { type FabricEvidence, field, pemOf } from "./testing/network.ts";
import type { Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const GOLDEN = fileURLToPath(new URL("golden/fabric", import.meta.url));
let trust: readonly string[] = [];
before(async () => {
  trust = await readTrust(`${GOLDEN}/cas`);
});

/** The golden evidence's first batch alone. */
function golden(): FabricEvidence {
  const file = JSON.parse(readFileSync(`${GOLDEN}/evidence.json`, "utf8")) as FabricEvidence;
  const { events, batches, ledger } = file;
  return {
    ...file,
    events: events.slice(0, 1),
    batches: batches.slice(0, 1),
    ledger: { ...ledger, anchors: ledger.anchors.slice(0, 1) },
  };
}

const verify = (file: unknown, given = trust): Promise<Verdict> =>
  verifyEvidence(JSON.stringify(file), { trust: given });

/** What becomes of a field: its encoding, or several. */
type Change = (part: Part, form: Form) => Buffer;

const spelt = (change: (value: Buffer) => Buffer, byNumber: (value: number) => number): Change => {
  return ({ tag, value }, form) => encoded(form, tag, typeof value === "number" ? byNumber(value) : change(value));
};

const CHANGES: Readonly<Record<string, Change>> = {
  "its first bit": spelt(
    (value) => xor(value, 0, 0x80),
    (value) => value + 1,
  ),
  "its last bit": spelt(
    (value) => xor(value, value.length - 1, 1),
    (value) => Math.max(0, value - 1),
  ),
  "a byte less": spelt(
    (value) => value.subarray(0, -1),
    () => 0,
  ),
  "a byte more": spelt(
    (value) => Buffer.concat([value, Buffer.of(0)]),
    (value) => value * 2,
  ),
  nothing: spelt(
    () => Buffer.of(),
    () => 2 ** 31,
  ),
  "not there": () => Buffer.of(),
  twice: ({ tag, value }, form) => Buffer.concat([encoded(form, tag, value), encoded(form, tag, value)]),
  "one field more": spelt(
    (value) => Buffer.concat([value, field(31, "x")]),
    (value) => value + 2,
  ),
};

function xor(value: Buffer, at: number, bits: number): Buffer {
  const copy = Buffer.from(value);
  if (copy.length > 0) copy[at] = (copy[at] as number) ^ bits;
  return copy;
}

/** The form of what the last step of a path is in. */
function formAt(form: Form, bytes: Buffer, path: readonly number[]): Form {
  if (path.length === 1) return form;
  return partsOf(bytes, form).find((part) => part.path.join() === path.slice(0, -1).join())?.form ?? form;
}

describe("a changed evidence file of Fabric", () => {
  it("is the golden evidence where nothing was changed", async () => {
    assert.equal((await verify(golden())).verdict, "proven");
    for (const which of ["transaction", "read"] as const) {
      const bytes = Buffer.from(golden().ledger.anchors[0]?.[which] ?? "", "base64");
      for (const { path } of partsOf(bytes, ENVELOPE)) {
        const same = replaced(bytes, ENVELOPE, path, ({ tag, value }) =>
          encoded(formAt(ENVELOPE, bytes, path), tag, value),
        );
        assert.ok(same.equals(bytes), path.join());
      }
    }
  });

  it("is never proven, whatever becomes of one leaf, or of one member", async () => {
    const file = golden();
    for (const [path, leaf] of places(file)) {
      const isLeaf = typeof leaf !== "object" || leaf === null;
      const changes = isLeaf
        ? LEAF_CHANGES
        : [() => undefined, (value: unknown) => ({ ...(value as object), extra: 1 })];
      for (const change of changes) {
        const other = changed(file, path, change);
        if (JSON.stringify(other) === JSON.stringify(file) || other === undefined) continue;
        const { verdict } = await verify(other);
        assert.notEqual(verdict, "proven", `${named(path)}: ${JSON.stringify(change(leaf))?.slice(0, 80)}`);
      }
    }
  });

  for (const which of ["transaction", "read"] as const) {
    it(`is never proven, whatever becomes of one field of the ${which}, its endorsements and its certificates`, async (t) => {
      const file = golden();
      const [anchor] = file.ledger.anchors;
      assert.ok(anchor);
      const bytes = Buffer.from(anchor[which], "base64");
      let count = 0;
      for (const { path } of partsOf(bytes, ENVELOPE)) {
        const form = formAt(ENVELOPE, bytes, path);
        // An endorser's signature covers all of its certificate: there two changes of each field show as much as eight.
        const names = form === "der" || form === "certificate" ? ["its last bit", "not there"] : Object.keys(CHANGES);
        for (const name of names) {
          const change = CHANGES[name] as Change;
          const other = replaced(bytes, ENVELOPE, path, (part) => change(part, form));
          if (other.equals(bytes)) continue;
          anchor[which] = other.toString("base64");
          const { verdict } = await verify(file);
          assert.notEqual(verdict, "proven", `${path.join(".")}: ${name}`);
          count++;
        }
      }
      t.diagnostic(`${count} changes`);
    });
  }

  it("is never proven by a CA's certificate of which one field was changed", async () => {
    const file = golden();
    for (const [i, text] of trust.entries()) {
      const { organisations } = JSON.parse(text) as { organisations: Record<string, { roots: string[] }> };
      const [[name, { roots }] = ["", { roots: [] }]] = Object.entries(organisations);
      const bytes = Buffer.from((roots[0] ?? "").replace(/-----[^-]+-----|\n/g, ""), "base64");
      for (const { path } of partsOf(bytes, "der")) {
        for (const [how, change] of Object.entries(CHANGES)) {
          const other = replaced(bytes, "der", path, (part) => change(part, "der"));
          if (other.equals(bytes)) continue;
          const given = JSON.stringify({ organisations: { [name]: { roots: [pemOf(other)], intermediates: [] } } });
          const { verdict } = await verify(file, trust.with(i, given));
          assert.equal(verdict, "cannot-tell", `${name} ${path.join(".")}: ${how}`);
        }
      }
    }
  });

  it("is refuted for one byte changed, in any part of an envelope", async () => {
    const file = golden();
    const [anchor] = file.ledger.anchors;
    assert.ok(anchor);
    for (const which of ["transaction", "read"] as const) {
      const before = anchor[which];
      const bytes = Buffer.from(before, "base64");
      for (let at = 0; at < bytes.length; at += 11) {
        anchor[which] = xor(bytes, at, 1 << (at % 8)).toString("base64");
        assert.notEqual((await verify(file)).verdict, "proven", `${which}, byte ${at}`);
      }
      anchor[which] = before;
    }
  });
});
