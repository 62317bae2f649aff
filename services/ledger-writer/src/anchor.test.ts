import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import type { Batch } from "@medtrace/shared/model/batch";
import { utf8 } from "@medtrace/shared/model/bytes";
import { anchorUntilKnown } from "./anchor.ts";
import { Gathering } from "./gather.ts";
import { type Fate, FateLedger, fault, replacing } from "./testing/faults.ts";
import { anchoredBatches, openPipe, STREAM } from "./testing/pipe.ts";

const NEVER = new AbortController().signal;
const LIMITS = { countMax: 100, bytesMax: 100_000, age_ms_max: 1 };
const PASSING: readonly ErrorCode[] = ["LEDGER_UNAVAILABLE", "LEDGER_UNKNOWN", "BUSY", "STORAGE_FAILED"];

function batchOf(text: string, before?: Batch): Batch {
  const gathering = new Gathering(before?.end ?? 0, LIMITS);
  gathering.add([{ partition: 0, offset: gathering.first, value: utf8(text) }], 0);
  return gathering.cut(STREAM, before);
}

function recording(): { readonly codes: string[]; onRetry(error: MedtraceError): void } {
  const codes: string[] = [];
  return { codes, onRetry: (error) => void codes.push(error.code) };
}

describe("anchoring until it is known", () => {
  it("gives the first anchor where the ledger took the batch but could not say so", async () => {
    await using pipe = await openPipe();
    const { ledger, calls } = new FateLedger(pipe.ledger, ["done-unknown"]);
    const batch = batchOf("one");
    const told = recording();
    const anchor = await anchorUntilKnown(ledger, batch, NEVER, told);
    assert.deepEqual([anchor.block, anchor.sequence, calls.length], [0, 0, 2]);
    assert.deepEqual(told.codes, ["LEDGER_UNKNOWN"]);
    assert.deepEqual(await anchoredBatches(pipe.ledger, STREAM), [batch]);
  });

  it("tries again what may pass, and tells of every try", async () => {
    await using pipe = await openPipe();
    const told = recording();
    const { ledger } = new FateLedger(pipe.ledger, PASSING as readonly Fate[]);
    const batch = batchOf("one");
    await anchorUntilKnown(ledger, batch, NEVER, told);
    assert.deepEqual(told.codes, PASSING);
    assert.deepEqual(await anchoredBatches(pipe.ledger, STREAM), [batch]);
  });

  it("finds its batch anchored although another writer went on after it", async () => {
    await using pipe = await openPipe();
    const batch = batchOf("one");
    const ledger = replacing(pipe.ledger, {
      anchorBatch: async (first) => {
        await pipe.ledger.anchorBatch(first);
        await pipe.ledger.anchorBatch(batchOf("two", first));
        throw fault("LEDGER_UNKNOWN");
      },
    });
    let sent = 0;
    const second = replacing(pipe.ledger, {
      anchorBatch: (one) => (sent++ === 0 ? ledger : pipe.ledger).anchorBatch(one),
    });
    assert.equal((await anchorUntilKnown(second, batch, NEVER, recording())).sequence, 0);
    assert.equal((await anchoredBatches(pipe.ledger, STREAM)).length, 2);
  });

  it("says conflict when another batch stands in its place", async () => {
    await using pipe = await openPipe();
    await pipe.ledger.anchorBatch(batchOf("another's"));
    await assert.rejects(anchorUntilKnown(pipe.ledger, batchOf("mine"), NEVER, recording()), {
      code: "LEDGER_CONFLICT",
      message: /head is now at 1/,
    });
    const [only, ...more] = await anchoredBatches(pipe.ledger, STREAM);
    assert.deepEqual([only, more], [batchOf("another's"), []]);
  });

  it("passes on a conflict and an integrity error at once", async () => {
    await using pipe = await openPipe();
    for (const code of ["LEDGER_CONFLICT", "INTEGRITY"] as const) {
      const { ledger, calls } = new FateLedger(pipe.ledger, [code]);
      await assert.rejects(anchorUntilKnown(ledger, batchOf("one"), NEVER, recording()), { code });
      assert.equal(calls.length, 1);
    }
  });

  it("outlasts a peer that lags behind, but not rules that refuse time and again", async () => {
    await using pipe = await openPipe();
    const lagging = new FateLedger(pipe.ledger, ["LEDGER_REFUSED", "LEDGER_REFUSED"]);
    const first = batchOf("one");
    await anchorUntilKnown(lagging.ledger, first, NEVER, recording());
    const refusing = new FateLedger(pipe.ledger, Array<Fate>(100).fill("LEDGER_REFUSED"));
    const second = batchOf("two", first);
    await assert.rejects(anchorUntilKnown(refusing.ledger, second, NEVER, recording()), { code: "LEDGER_REFUSED" });
    assert.ok(refusing.calls.length < 10);
    assert.deepEqual(await anchoredBatches(pipe.ledger, STREAM), [first]);
  });

  it("sends nothing once aborted, and gives up waiting when it is aborted then", async () => {
    await using pipe = await openPipe();
    const { ledger, calls } = new FateLedger(pipe.ledger, Array<Fate>(100).fill("LEDGER_UNAVAILABLE"));
    await assert.rejects(anchorUntilKnown(ledger, batchOf("one"), AbortSignal.abort(), recording()), {
      name: "AbortError",
    });
    assert.equal(calls.length, 0);
    const abort = new AbortController();
    const onRetry = (error: unknown): void => {
      assert.ok(error instanceof MedtraceError);
      abort.abort();
    };
    await assert.rejects(anchorUntilKnown(ledger, batchOf("one"), abort.signal, { onRetry }), { name: "AbortError" });
    assert.equal(calls.length, 1);
  });
});
