/** The embedded event log: one SQLite file, group commit, durable when acknowledged. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { sha256Hex } from "@medtrace/shared/model/bytes";
import { type EventLog, type LogPosition, type LogRecord, VALUE_BYTES_MAX } from "@medtrace/shared/ports/event-log";
import { SharedRun } from "../../shared-run.ts";
import { tryLock } from "../../sqlite/lock.ts";
import { Wakeup } from "../../wakeup.ts";
import { Store } from "./store.ts";

export interface EmbeddedEventLogOptions {
  readonly folder: string;
  readonly name?: string;
  /** For a log that is made now. */
  readonly partitions?: number;
  /** Value bytes that may wait for their commit. */
  readonly backlogBytesMax?: number;
  /** The file may not outgrow this many pages of 4,096 bytes. */
  readonly pages_max?: number;
  /**
   * Who follows the log by the object that appends to it reads the newest records from memory, as they were appended:
   * what becomes of the file meanwhile is for others to see. By default all is read from the file.
   */
  readonly tail?: boolean;
}

const BACKLOG_BYTES_MAX = 64 * 1_048_576;
/** Of what a ledger-writer in this process has yet to read there is a fraction of a second. */
const TAIL_BYTES_MAX = 8 * 1_048_576;
const POLL_MS = 25;
const LOCK_POLL_MS = 100;

/** Opens the log in a folder, made where there is none. */
export async function openEmbeddedEventLog(options: EmbeddedEventLogOptions): Promise<EventLog> {
  const store = new Store({
    folder: options.folder,
    partitions: options.partitions ?? 8,
    pages_max: options.pages_max,
    tailBytesMax: options.tail === true ? TAIL_BYTES_MAX : 0,
  });
  return new EmbeddedEventLog(store, options);
}

class EmbeddedEventLog implements EventLog {
  readonly name: string;
  readonly partitions: number;
  readonly #store: Store;
  readonly #folder: string;
  readonly #backlogBytesMax: number;
  readonly #closing = new AbortController();
  readonly #commits = new SharedRun<readonly LogRecord[], readonly LogPosition[]>((appends) => this.#commit(appends));
  #waitingBytes = 0;
  readonly #grown = new Wakeup();

  constructor(store: Store, options: EmbeddedEventLogOptions) {
    this.#store = store;
    this.#folder = options.folder;
    this.#backlogBytesMax = options.backlogBytesMax ?? BACKLOG_BYTES_MAX;
    this.name = options.name ?? "events";
    this.partitions = store.partitions;
  }

  append(records: readonly LogRecord[]): Promise<readonly LogPosition[]> {
    if (this.#closing.signal.aborted) return Promise.reject(closed());
    if (records.length === 0) return Promise.resolve([]);
    let bytes = 0;
    for (const { value } of records) {
      if (value.length > VALUE_BYTES_MAX) return Promise.reject(tooLarge(value.length));
      bytes += value.length;
    }
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#backlogBytesMax) return Promise.reject(busy());
    this.#waitingBytes += bytes;
    return this.#commits.submit(records);
  }

  /** One transaction for all that was appended in a turn. */
  #commit(appends: readonly (readonly LogRecord[])[]): (readonly LogPosition[])[] {
    this.#waitingBytes = 0;
    const placed = appends.flatMap((records) =>
      records.map(({ key, value, trace }) => ({ partition: this.#partitionOf(key), value, trace })),
    );
    const positions = this.#store.append(placed);
    this.#grown.wake();
    let from = 0;
    return appends.map(({ length }) => {
      from += length;
      return positions.slice(from - length, from);
    });
  }

  #partitionOf(key: string): number {
    return Number.parseInt(sha256Hex(key).slice(0, 8), 16) % this.partitions;
  }

  async read(...[partition, offset, limits]: Parameters<EventLog["read"]>): ReturnType<EventLog["read"]> {
    return this.#store.read(partition, offset, limits);
  }

  async ranges(): ReturnType<EventLog["ranges"]> {
    return this.#store.ranges();
  }

  async waitPast(partition: number, offset: number, timeout_ms: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + timeout_ms;
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    while (!stop.aborted && this.#store.end(partition).end <= offset) {
      const left_ms = until - performance.now();
      if (left_ms <= 0) return;
      // Appends of this process wake at once; those of other processes are seen by looking.
      await this.#grown.wait(Math.min(POLL_MS, left_ms), stop);
    }
  }

  async *assignments(group: string, signal: AbortSignal): AsyncGenerator<readonly number[]> {
    if (!/^[a-z0-9-]{1,64}$/.test(group)) throw new RangeError("a group's name is 1 to 64 of a-z 0-9 -");
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    const path = join(this.#folder, `group-${group}.lock`);
    let lock = tryLock(path);
    while (lock === undefined && !stop.aborted) {
      await sleep(LOCK_POLL_MS, undefined, { signal: stop }).catch(() => {});
      if (!stop.aborted) lock = tryLock(path);
    }
    using _held = lock;
    if (stop.aborted) return;
    yield Array.from({ length: this.partitions }, (_, partition) => partition);
    if (!stop.aborted)
      await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
  }

  async *check(signal: AbortSignal): AsyncGenerator<string> {
    for (let partition = 0; partition < this.partitions; partition++) {
      yield* this.#store.check(partition, signal);
    }
  }

  async ping(): Promise<void> {
    this.#store.end(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#commits.flush();
    this.#closing.abort();
    this.#store[Symbol.dispose]();
  }
}

function tooLarge(bytes: number): MedtraceError {
  return new MedtraceError("INPUT_TOO_LARGE", `a record of ${bytes} bytes is over the limit of ${VALUE_BYTES_MAX}`);
}

function busy(): MedtraceError {
  return new MedtraceError("BUSY", "too much waits to be written already", { hint: "send again after a moment" });
}

function closed(): MedtraceError {
  return new MedtraceError("STORAGE_FAILED", "the event log is closed", { hint: "send again; nothing was taken" });
}
