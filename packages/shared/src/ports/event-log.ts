/**
 * EventLog: the ordered, partitioned, durable log that ingest acknowledges into. Its retention is unlimited: it is
 * the archive of content. Contract: ports/event-log.contract.ts, run over every engine.
 */

/** A record's value may have so many bytes. */
export const VALUE_BYTES_MAX = 1_048_576;

export interface LogRecord {
  /** Records of one key keep their order and land in one partition. */
  readonly key: string;
  /** Canonical bytes of one trace event. The log never looks inside. */
  readonly value: Uint8Array;
  /** W3C traceparent of the request that it came by; an engine MAY keep it, beside the value. */
  readonly trace?: string | undefined;
}

export interface LogPosition {
  readonly partition: number;
  readonly offset: number;
}

export interface LogEntry extends LogPosition {
  readonly value: Uint8Array;
  /** RFC 6962 leaf hash of the value, where the engine computed it of these very bytes to give them. */
  readonly leaf?: Uint8Array;
  /** As it was appended, where the engine kept it. It is no part of what is anchored. */
  readonly trace?: string | undefined;
}

export interface PartitionRange {
  readonly partition: number;
  /** Lowest offset that is kept. */
  readonly first: number;
  /** One past the highest offset. */
  readonly end: number;
}

export interface ReadLimits {
  readonly countMax: number;
  /** Reading stops once this many value bytes are gathered; at least one entry is returned. */
  readonly bytesMax: number;
}

export interface EventLog extends AsyncDisposable {
  /** The log's name; streams are `{name}-{partition}`. */
  readonly name: string;
  readonly partitions: number;

  /**
   * Appends in order; resolves with one position per record only when all of them are durable. Concurrent calls MAY
   * share one commit. MUST append all or, on rejection, leave none acknowledged.
   *
   * @throws MedtraceError STORAGE_FAILED when storage refuses (a full disk) or the log is closed, BUSY when the backlog
   * is over its limit, INPUT_TOO_LARGE for a value of more than {@link VALUE_BYTES_MAX} bytes.
   */
  append(records: readonly LogRecord[]): Promise<readonly LogPosition[]>;

  /**
   * Entries of a partition from `offset` on, in order, at most `limits`; empty at the end. Offsets MAY have holes.
   * An engine that can tell MUST refuse a record that was changed at rest.
   *
   * @throws MedtraceError INTEGRITY naming partition and offset; RangeError for a partition that is not there, or an
   * offset that is no whole number from 0.
   */
  read(partition: number, offset: number, limits: ReadLimits): Promise<readonly LogEntry[]>;

  /** The range of every partition, partitions in order. */
  ranges(): Promise<readonly PartitionRange[]>;

  /** Resolves when the partition's end is past `offset`, or the signal aborts, or `timeout_ms` have gone by. */
  waitPast(partition: number, offset: number, timeout_ms: number, signal: AbortSignal): Promise<void>;

  /**
   * The partitions that this member of the group should work on: yields a set at once and again at every change,
   * until the signal aborts. A partition MUST be given to one live member at a time, as far as the engine can tell.
   */
  assignments(group: string, signal: AbortSignal): AsyncIterable<readonly number[]>;

  /**
   * Every fault found in the log itself, in words; an engine that cannot tell yields nothing.
   *
   * @throws what the signal was aborted with: a check that was cut short says nothing of the rest.
   */
  check(signal: AbortSignal): AsyncIterable<string>;

  /** Rejects when the log cannot take or give records now. */
  ping(): Promise<void>;
}
