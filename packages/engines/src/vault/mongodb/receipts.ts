/**
 * Receipts. They can be read back from the event log, so they gather in memory for a moment and are written many at a time.
 * How far the log is covered is counted from what is written: with many processes, none knows what others have appended and
 * not noted yet, but a record without receipt leaves a gap.
 */

import { MedtraceError } from "@medtrace/shared/errors";
import { hex } from "@medtrace/shared/model/bytes";
import type { Receipt } from "@medtrace/shared/ports/vault";
import { duplicates } from "../../mongodb/errors.ts";
import { Coverage } from "./coverage.ts";
import { type Collections, placeId, type ReceiptDocument } from "./schema.ts";

/** Writing begins at this many, or once the oldest has waited this long: so long other processes may not know. */
const GATHERED_MIN = 1_024;
const WAIT_MS_MAX = 100;
/** After a failure. */
const RETRY_MS = 1_000;
/** Of one command. */
const SLICE = 4_096;
/** Where writing fails for long, no more than this is kept. */
const GATHERED_MAX = 65_536;
const EVENT_ID = /^[0-9a-f]{64}$/;
const HMAC = /^hmac-sha256:([0-9a-f]{64})$/;

export class Receipts implements AsyncDisposable {
  readonly #at: Collections;
  readonly #coverage: Coverage;
  /** By id, the first of each; more of one id only by their places. */
  readonly #gathered = new Map<string, Receipt>();
  #places: Pick<Receipt, "partition" | "offset">[] = [];
  #claims = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #open = true;

  constructor(at: Collections) {
    this.#at = at;
    this.#coverage = new Coverage(at);
  }

  /** A receipt in the database is older than one of the same id that waits. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, Receipt>> {
    const wanted = [...new Set(ids)].filter((id) => EVENT_ID.test(id));
    const waiting = wanted.flatMap((id) => this.#gathered.get(id) ?? []);
    const found = new Map(waiting.map((receipt) => [receipt.id, receipt]));
    const _id = { $in: wanted.map((id) => Buffer.from(id, "hex")) };
    for await (const document of this.#at.receipts.find({ _id })) {
      const receipt = receiptOf(document);
      if (receipt !== undefined) found.set(receipt.id, receipt);
    }
    return found;
  }

  /** @throws MedtraceError STORAGE_FAILED once the database has taken nothing for GATHERED_MAX receipts. */
  remember(receipts: readonly Receipt[], watermarks: ReadonlyMap<number, number>): void {
    if (this.#gathered.size + this.#places.length + receipts.length > GATHERED_MAX) {
      throw new MedtraceError("STORAGE_FAILED", "the vault has taken no receipts for a while", {
        hint: "check that MongoDB runs, has a primary and free space, and can be reached from here",
      });
    }
    for (const receipt of receipts) {
      const first = this.#gathered.get(receipt.id);
      if (first === undefined) this.#gathered.set(receipt.id, receipt);
      else this.#places.push({ partition: receipt.partition, offset: receipt.offset });
    }
    for (const [partition, covered] of watermarks) {
      this.#claims.set(partition, Math.max(covered, this.#claims.get(partition) ?? 0));
    }
    if (this.#gathered.size >= GATHERED_MIN) this.#begin();
    else this.#later(WAIT_MS_MAX);
  }

  async watermarks(): Promise<ReadonlyMap<number, number>> {
    await this.flush();
    return this.#coverage.advance();
  }

  /** Writes everything that waits. */
  async flush(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    while (this.#gathered.size + this.#places.length + this.#claims.size > 0) await this.#write();
  }

  #later(wait_ms: number): void {
    if (this.#open) this.#timer ??= setTimeout(() => this.#begin(), wait_ms);
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Kept where it fails, and tried again: `remember` says so once too much waits.
    if (this.#writing === undefined) this.#write().catch(() => this.#later(RETRY_MS));
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeGathered().finally(() => {
      this.#writing = undefined;
      if (this.#gathered.size >= GATHERED_MIN) this.#begin();
    });
    return this.#writing;
  }

  async #writeGathered(): Promise<void> {
    const places = this.#places.slice();
    const claims = this.#claims;
    this.#claims = new Map();
    try {
      const receipts = [...this.#gathered.values()];
      for (let start = 0; start < receipts.length; start += SLICE) {
        const slice = receipts.slice(start, start + SLICE);
        await this.#notePlaces(await this.#insert(slice));
        for (const { id } of slice) this.#gathered.delete(id);
      }
      await this.#notePlaces(places);
      this.#places.splice(0, places.length);
      // Only once all that they speak of is there.
      await this.#coverage.claim(claims);
    } catch (error) {
      for (const [partition, covered] of claims) {
        this.#claims.set(partition, Math.max(covered, this.#claims.get(partition) ?? 0));
      }
      throw error;
    }
  }

  /** Inserts receipts; resolves with those whose event has another already. */
  async #insert(receipts: readonly Receipt[]): Promise<Receipt[]> {
    try {
      await this.#at.receipts.insertMany(receipts.map(documentOf), { ordered: false });
      return [];
    } catch (error) {
      const known = duplicates(error).map(({ index }) => receipts[index] as Receipt);
      const first = await this.find(known.map(({ id }) => id));
      // What was written before, and is given again, has its own place.
      return known.filter(({ id, partition, offset }) => {
        const { partition: p, offset: o } = first.get(id) ?? {};
        return p !== partition || o !== offset;
      });
    }
  }

  /** A record of the log whose event has its receipt for another place is covered too. */
  async #notePlaces(places: readonly Pick<Receipt, "partition" | "offset">[]): Promise<void> {
    if (places.length === 0) return;
    const documents = places.map(({ partition, offset }) => ({ _id: placeId(partition, offset), partition, offset }));
    await this.#at.receipts.insertMany(documents, { ordered: false }).catch(duplicates);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#coverage[Symbol.dispose]();
    await this.flush();
  }
}

function documentOf({ id, digest, institution, partition, offset }: Receipt): ReceiptDocument {
  const [, hmac] = HMAC.exec(digest) ?? [];
  return {
    _id: Buffer.from(id, "hex"),
    partition,
    offset,
    institution,
    digest: hmac === undefined ? digest : Buffer.from(hmac, "hex"),
  };
}

/** Undefined where the document stands for a place only. */
function receiptOf({ _id, digest, institution, partition, offset }: ReceiptDocument): Receipt | undefined {
  if (typeof _id === "string" || digest === undefined || institution === undefined) return undefined;
  const text = typeof digest === "string" ? digest : `hmac-sha256:${hex(digest)}`;
  return { id: hex(_id), digest: text, institution, partition, offset };
}
