/** The event log's file: rows by partition and offset, each partition's authenticated end. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { type Bytes, sameBytes } from "@medtrace/shared/model/bytes";
import { leafHash } from "@medtrace/shared/model/merkle";
import type { LogEntry, LogPosition, PartitionRange, ReadLimits } from "@medtrace/shared/ports/event-log";
import { secretFile } from "../../secret-file.ts";
import { inTransaction, openFile } from "../../sqlite/database.ts";
import { storageError } from "../../sqlite/errors.ts";
import { type Chain, createChain, NO_ROW } from "./chain.ts";
import { Tail, type TailEntry } from "./tail.ts";

const WHAT = "event log";
/** place = partition * PLACES + offset: rows of a partition lie together, in order. */
export const PLACES: number = 2 ** 42;
const KEY_BYTES = 32;
/** A check looks at so much before others get their turn. */
const CHECKED_ROWS = 512;
const CHECKED_BYTES = 4 * 1_048_576;

const SCHEMA = `
  CREATE TABLE record (place INTEGER PRIMARY KEY, value BLOB NOT NULL, mac BLOB NOT NULL, trace TEXT) STRICT;
  CREATE TABLE partition (number INTEGER PRIMARY KEY, end INTEGER NOT NULL, last BLOB NOT NULL, mac BLOB NOT NULL) STRICT`;

export interface StoreOptions {
  readonly folder: string;
  /** For a log that is made now; one that is there keeps its number. */
  readonly partitions: number;
  readonly pages_max?: number | undefined;
  /** Values of the newest records that are kept in memory for those who follow the log by this very object. */
  readonly tailBytesMax: number;
}

interface Row {
  readonly offset: number;
  readonly value: Bytes;
  readonly mac: Bytes;
}

interface End {
  readonly end: number;
  readonly last: Bytes;
}

/** How far a check has come: every row before `next` was looked at, the last of them has this MAC. */
interface Checked {
  readonly next: number;
  readonly before: Bytes;
}

export interface PlacedRecord {
  readonly partition: number;
  readonly value: Bytes;
  readonly trace: string | undefined;
}

export class Store implements Disposable {
  readonly partitions: number;
  readonly #db: DatabaseSync;
  readonly #chain: Chain;
  readonly #insert: StatementSync;
  readonly #setEnd: StatementSync;
  readonly #getEnd: StatementSync;
  readonly #getMac: StatementSync;
  readonly #scan: StatementSync;
  readonly #scanValues: StatementSync;
  readonly #tail: Tail;

  constructor(options: StoreOptions) {
    this.#db = openFile({
      what: WHAT,
      folder: options.folder,
      file: "log.sqlite",
      schema: SCHEMA,
      version: 2,
      synchronous: "FULL",
      cacheKib: 2_048,
      pages_max: options.pages_max,
    });
    try {
      this.#chain = createChain(keyOf(this.#db, options.folder));
    } catch (error) {
      this.#db.close();
      throw error;
    }
    this.#insert = this.#db.prepare("INSERT INTO record (place, value, mac, trace) VALUES (?, ?, ?, ?)");
    this.#setEnd = this.#db.prepare("UPDATE partition SET end = ?, last = ?, mac = ? WHERE number = ?");
    this.#getEnd = this.#db.prepare("SELECT end, last, mac FROM partition WHERE number = ?");
    this.#getMac = this.#db.prepare("SELECT mac FROM record WHERE place = ?");
    this.#scan = this.#db.prepare("SELECT place, value, mac FROM record WHERE place >= ? AND place < ? ORDER BY place");
    this.#scanValues = this.#db.prepare(
      "SELECT place, value, trace FROM record WHERE place >= ? AND place < ? ORDER BY place",
    );
    this.#scanValues.setReturnArrays(true);
    this.partitions = this.#makePartitions(options.partitions);
    this.#tail = new Tail(this.partitions, options.tailBytesMax);
  }

  #makePartitions(wanted: number): number {
    const count = (): number => partitionsOf(this.#db);
    if (count() > 0) return count();
    return inTransaction(this.#db, WHAT, () => {
      const add = this.#db.prepare("INSERT OR IGNORE INTO partition (number, end, last, mac) VALUES (?, 0, ?, ?)");
      if (count() === 0) for (let p = 0; p < wanted; p++) add.run(p, NO_ROW, this.#chain.end(p, 0, NO_ROW));
      return count();
    });
  }

  /** Appends in one commit; all or nothing. */
  append(records: readonly PlacedRecord[]): LogPosition[] {
    const added = inTransaction(this.#db, WHAT, () => this.#insertAll(records));
    this.#tail.add(added);
    return added.map(({ partition, offset }) => ({ partition, offset }));
  }

  #insertAll(records: readonly PlacedRecord[]): TailEntry[] {
    const ends = new Map<number, { end: number; last: Bytes }>();
    const added = records.map(({ partition, value, trace }) => {
      let at = ends.get(partition);
      if (at === undefined) {
        at = { ...this.end(partition) };
        ends.set(partition, at);
      }
      const offset = at.end;
      const leaf = leafHash(value);
      at.last = this.#chain.row(partition, offset, at.last, leaf);
      at.end = offset + 1;
      this.#insert.run(partition * PLACES + offset, value, at.last, trace ?? null);
      return { partition, offset, value, leaf, ...(trace === undefined ? {} : { trace }) };
    });
    for (const [partition, { end, last }] of ends) {
      this.#setEnd.run(end, last, this.#chain.end(partition, end, last), partition);
    }
    return added;
  }

  /** Where a partition ends. @throws MedtraceError INTEGRITY where the note of it was changed. */
  end(partition: number): End {
    const row = this.#getEnd.get(partition) as { end: number; last: Bytes; mac: Bytes } | undefined;
    if (row === undefined) throw new RangeError(`no partition ${partition} of ${this.partitions}`);
    if (!sameBytes(row.mac, this.#chain.end(partition, row.end, row.last)))
      throw broken(partition, row.end, "its end was changed");
    return row;
  }

  ranges(): PartitionRange[] {
    return Array.from({ length: this.partitions }, (_, partition) => ({
      partition,
      first: 0,
      end: this.end(partition).end,
    }));
  }

  read(partition: number, offset: number, limits: ReadLimits): readonly LogEntry[] {
    return this.#tail.read(partition, offset, limits) ?? this.#readRows(partition, offset, limits);
  }

  #readRows(partition: number, offset: number, limits: ReadLimits): LogEntry[] {
    const { end } = this.end(partition);
    if (!Number.isInteger(offset) || offset < 0) throw new RangeError(`no offset ${offset} in a partition`);
    if (offset >= end) return [];
    const entries: LogEntry[] = [];
    let last = this.#macOf(partition, offset - 1);
    let bytes = 0;
    const until = Math.min(end, offset + limits.countMax);
    for (const row of this.#values(partition, offset, until)) {
      const expected = offset + entries.length;
      if (row.offset !== expected) throw broken(partition, expected, "the record is missing");
      const leaf = leafHash(row.value);
      last = this.#chain.row(partition, row.offset, last, leaf);
      entries.push({ partition, ...row, leaf });
      bytes += row.value.length;
      if (bytes >= limits.bytesMax) break;
    }
    const next = offset + entries.length;
    if (bytes < limits.bytesMax && next < until) throw broken(partition, next, "the record is missing");
    // Each MAC covers the one before: where the last is right, all are.
    if (!sameBytes(last, this.#macOf(partition, next - 1))) throw this.#changedIn(partition, offset, next);
    return entries;
  }

  /** Names the first record of a range that is not as it was appended. */
  #changedIn(partition: number, first: number, end: number): MedtraceError {
    let before = this.#macOf(partition, first - 1);
    for (const row of this.#rows(partition, first, end)) {
      if (!sameBytes(row.mac, this.#chain.row(partition, row.offset, before, leafHash(row.value)))) {
        return broken(partition, row.offset, "the record, or the one before, was changed");
      }
      before = row.mac;
    }
    return broken(partition, first, "the records were changed while they were read");
  }

  /** Every fault of a partition, in words. @throws what the signal was aborted with. */
  async *check(partition: number, signal: AbortSignal): AsyncGenerator<string> {
    let from: Checked | undefined = { next: 0, before: NO_ROW };
    while (from !== undefined) {
      signal.throwIfAborted();
      const faults: string[] = [];
      from = this.#checkFrom(partition, from, faults);
      yield* faults;
      await nextTurn();
    }
  }

  /** Checks some rows; gives where to go on, undefined at the end. */
  #checkFrom(partition: number, from: Checked, faults: string[]): Checked | undefined {
    this.#db.exec("BEGIN");
    try {
      const end = this.end(partition);
      let { next, before } = from;
      let bytes = 0;
      for (const row of this.#rows(partition, next, PLACES)) {
        if (row.offset >= end.end) faults.push(place(partition, row.offset, "there is a record past the end"));
        else if (row.offset !== next) faults.push(place(partition, next, "the record is missing"));
        else if (!sameBytes(row.mac, this.#chain.row(partition, row.offset, before, leafHash(row.value)))) {
          faults.push(place(partition, row.offset, "the record was changed"));
        }
        // Going on from the stored MAC, so that one changed row is one fault and not the rest of the log.
        before = row.mac;
        next = row.offset + 1;
        bytes += row.value.length;
        if (next - from.next >= CHECKED_ROWS || bytes >= CHECKED_BYTES) return { next, before };
      }
      if (next < end.end) faults.push(place(partition, next, "the record is missing"));
      else if (next === end.end && !sameBytes(before, end.last)) {
        faults.push(place(partition, next, "the last record was changed"));
      }
    } catch (error) {
      if (!hasCode(error, "INTEGRITY")) throw error;
      faults.push(error.message);
    } finally {
      this.#db.exec("COMMIT");
    }
    return undefined;
  }

  *#rows(partition: number, from: number, to: number): Generator<Row> {
    const base = partition * PLACES;
    try {
      for (const row of this.#scan.iterate(base + from, base + Math.min(to, PLACES))) {
        const { place, value, mac } = row as unknown as Omit<Row, "offset"> & { place: number };
        yield { offset: place - base, value, mac };
      }
    } catch (error) {
      throw storageError(error, WHAT);
    }
  }

  /** Values alone: a MAC for each row would cost memory of its own. */
  *#values(partition: number, from: number, to: number): Generator<Omit<LogEntry, "partition" | "leaf">> {
    const base = partition * PLACES;
    try {
      for (const row of this.#scanValues.iterate(base + from, base + Math.min(to, PLACES))) {
        const [place, value, trace] = row as unknown as [number, Bytes, string | null];
        yield trace === null ? { offset: place - base, value } : { offset: place - base, value, trace };
      }
    } catch (error) {
      throw storageError(error, WHAT);
    }
  }

  #macOf(partition: number, offset: number): Bytes {
    if (offset < 0) return NO_ROW;
    const mac = this.#getMac.get(partition * PLACES + offset)?.["mac"];
    if (mac === undefined) throw broken(partition, offset, "the record is missing");
    return mac as Bytes;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function partitionsOf(db: DatabaseSync): number {
  return db.prepare("SELECT count(*) AS n FROM partition").get()?.["n"] as number;
}

/** The key of the chain, made with the log; a second one for a log that is there would make all of it look changed. */
function keyOf(db: DatabaseSync, folder: string): Bytes {
  const path = join(folder, "log.key");
  if (partitionsOf(db) > 0 && !existsSync(path)) {
    throw new MedtraceError("INTEGRITY", "the event log's key is gone", {
      at: path,
      hint: "restore log.key from a backup: without it nobody can tell whether the log was changed",
    });
  }
  return secretFile(path, KEY_BYTES);
}

function place(partition: number, offset: number, what: string): string {
  return `event log, partition ${partition}, offset ${offset}: ${what}`;
}

function broken(partition: number, offset: number, what: string): MedtraceError {
  return new MedtraceError("INTEGRITY", place(partition, offset, what), {
    at: `${partition}/${offset}`,
    hint: "run medtrace fsck; docs/runbooks/integrity.md",
  });
}
