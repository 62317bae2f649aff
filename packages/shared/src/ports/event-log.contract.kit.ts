/** What the parts of the event log's contract suite share. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { hex, utf8 } from "../model/bytes.ts";
import type { EventLog, LogEntry, LogPosition, LogRecord, ReadLimits } from "./event-log.ts";

export interface EventLogOpening {
  /** Value bytes that may wait for their commit, where a test wants the limit close; else the engine's own. */
  readonly backlogBytesMax?: number;
}

/** A log to test on, empty at first, of at least two partitions; disposing removes it. */
export interface EventLogStorage extends AsyncDisposable {
  /** What {@link EventLogHarness.module} opens it by. */
  readonly url: string;
  /** Opens it: again after a close, or once more beside others. */
  open(opening?: EventLogOpening): Promise<EventLog>;
  /** Changes the value of a record at rest, behind the engine's back. Only where the engine can tell. */
  tamper?(position: LogPosition): Promise<void>;
}

export interface EventLogHarness {
  create(): Promise<EventLogStorage>;
  /** Module with `openEventLog(url)`, for a child process that is killed. */
  readonly module: URL;
  /** Members of a group work at once, each on partitions of its own; else one works and the others stand by. */
  readonly membersShare: boolean;
}

export const NO_LIMITS: ReadLimits = { countMax: 1_000, bytesMax: 16 * 1_048_576 };

/** Runs `use` over an empty log. */
export async function withLog(harness: EventLogHarness, use: (log: EventLog) => Promise<void>): Promise<void> {
  await using storage = await harness.create();
  await using log = await storage.open();
  await use(log);
}

/** Records with random values of 1 to 64 bytes. */
export function records(count: number, keyOf: (index: number) => string): LogRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: keyOf(index),
    value: randomBytes(1 + (index % 64)),
  }));
}

/** `0/17`, to compare and to look up by. */
export function placeOf({ partition, offset }: LogPosition): string {
  return `${partition}/${offset}`;
}

/** Every entry of a partition, from an offset on; each read goes on after the last entry of the one before. */
export async function readAll(log: EventLog, partition: number, offset = 0): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (let from = offset; ; ) {
    const some = await log.read(partition, from, NO_LIMITS);
    assertInOrder(some, partition, from);
    if (some.length === 0) return entries;
    entries.push(...some);
    from = (some.at(-1)?.offset ?? from) + 1;
  }
}

export function assertInOrder(entries: readonly LogEntry[], partition: number, from: number): void {
  let next = from;
  for (const entry of entries) {
    assert.equal(entry.partition, partition);
    assert.ok(entry.offset >= next, `offset ${entry.offset} where ${next} or more was asked for`);
    next = entry.offset + 1;
  }
}

/** Every value in the log, in hex, by its place. */
export async function content(log: EventLog): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (let partition = 0; partition < log.partitions; partition++) {
    for (const entry of await readAll(log, partition)) values.set(placeOf(entry), hex(entry.value));
  }
  return values;
}

/** Fails where a record is not at the position that its append gave, byte for byte. */
export async function assertHeld(
  log: EventLog,
  appended: readonly LogRecord[],
  positions: readonly LogPosition[],
): Promise<void> {
  assert.equal(positions.length, appended.length);
  const held = await content(log);
  positions.forEach((position, i) => {
    assert.equal(held.get(placeOf(position)), hex(appended[i]?.value ?? new Uint8Array()), placeOf(position));
  });
}

/** A key for each partition, so that a test can choose where its records go. */
export async function keyOfEachPartition(log: EventLog): Promise<string[]> {
  const candidates = Array.from({ length: 50 * log.partitions }, (_, i) => `candidate-${i}`);
  const positions = await log.append(candidates.map((key) => ({ key, value: new Uint8Array(1) })));
  const keys = Array.from({ length: log.partitions }, (_, partition) => {
    const index = positions.findIndex((position) => position.partition === partition);
    assert.notEqual(index, -1, `none of ${candidates.length} keys goes to partition ${partition}`);
    return candidates[index] as string;
  });
  return keys;
}

/** Where a partition ends now. */
export async function endOf(log: EventLog, partition: number): Promise<number> {
  const range = (await log.ranges())[partition];
  assert.equal(range?.partition, partition);
  return range.end;
}

/** A value for an id that ends in digits: another for each, up to some thousand bytes long. */
export function valueUnder(id: string): Uint8Array {
  return utf8(`${id} `.repeat(1 + (Number(id.slice(-3)) % 200)));
}
