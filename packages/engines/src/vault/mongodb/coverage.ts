/**
 * How far the log is covered, per partition: to where someone read it and noted all of it, and from there on as far as
 * receipts lie without a gap. A process that dies leaves a gap where it had appended and not noted; whoever starts next reads
 * the log from there.
 */
import type { Collections, ReceiptDocument } from "./schema.ts";

/** Counted by the server at a time. */
const STEP = 4_096;
/** So that a start has little to count, however long the processes ran. */
const ADVANCE_MS = 60_000;

export class Coverage implements Disposable {
  readonly #at: Collections;
  readonly #timer: NodeJS.Timeout;

  constructor(at: Collections) {
    this.#at = at;
    this.#timer = setInterval(() => void this.advance().catch(() => undefined), ADVANCE_MS).unref();
  }

  /** What is known from the log itself: all below has its receipt. */
  async claim(watermarks: ReadonlyMap<number, number>): Promise<void> {
    if (watermarks.size === 0) return;
    const updates = [...watermarks].map(([_id, covered]) => ({
      updateOne: { filter: { _id }, update: { $max: { covered } }, upsert: true },
    }));
    await this.#at.watermarks.bulkWrite(updates, { ordered: false });
  }

  /** Counts on from where it was counted to last; gives, and keeps, how far each partition is covered. */
  async advance(): Promise<ReadonlyMap<number, number>> {
    const kept = new Map<number, number>();
    for await (const { _id, covered } of this.#at.watermarks.find({}, { hint: "_id_" })) kept.set(_id, covered);
    const all = new Map<number, number>();
    const moved = new Map<number, number>();
    for (const partition of [...new Set([...kept.keys(), ...(await this.#partitions())])].sort((a, b) => a - b)) {
      const before = kept.get(partition) ?? 0;
      const covered = await this.#coveredFrom(partition, before);
      if (covered > 0) all.set(partition, covered);
      if (covered > before) moved.set(partition, covered);
    }
    await this.claim(moved);
    return all;
  }

  /** Partitions that any receipt is of, from one to the next by the index. */
  async #partitions(): Promise<number[]> {
    const found: number[] = [];
    for (;;) {
      const filter = { partition: { $gt: found.at(-1) ?? -1 } };
      const next = await this.#at.receipts
        .find(filter, { projection: { _id: 0, partition: 1 }, hint: "place" })
        .sort({ partition: 1, offset: 1 })
        .limit(1)
        .next();
      if (next === null) return found;
      found.push(next.partition);
    }
  }

  /** The first offset from `covered` on that has no receipt. */
  async #coveredFrom(partition: number, covered: number): Promise<number> {
    for (let from = covered; ; from += STEP) {
      const filter = { partition, offset: { $gte: from, $lt: from + STEP } };
      // Every record has one document by its place, so that as many documents as places are all of them.
      const counted = await this.#at.receipts.countDocuments(filter, { hint: "place", limit: STEP });
      if (counted < STEP) return this.#firstGap(filter, from);
    }
  }

  async #firstGap(
    filter: Pick<ReceiptDocument, "partition"> & { readonly offset: object },
    from: number,
  ): Promise<number> {
    const options = { projection: { _id: 0, offset: 1 }, hint: "place" } as const;
    let covered = from;
    for await (const { offset } of this.#at.receipts.find(filter, options).sort({ partition: 1, offset: 1 })) {
      if (offset > covered) break;
      covered = offset + 1;
    }
    return covered;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
