/**
 * Kafka's record batch, version 2 (kafka.apache.org, Message Format): what lies in the log and travels in produce and
 * fetch. A record here has a key, a value and, as its only header, the W3C traceparent.
 */
import { crc32c } from "./crc32c.ts";

const HEADER_BYTES = 61;
/** The checksum covers the batch from its attributes on. */
const CHECKED_FROM = 21;
const MAGIC = 2;
const CODEC_MASK = 0x07;
const CONTROL_FLAG = 0x20;
const TRACE_HEADER = "traceparent";
/** Fields of a record beside key, value and trace, at most. */
const RECORD_FRAME_BYTES = 32;

export interface OutgoingRecord {
  readonly key: Buffer;
  readonly value: Uint8Array;
  readonly trace?: string | undefined;
}

/** Who sends, and the number of the batch's first record among those sent to this partition: how repeats are known. */
export interface ProducerState {
  readonly id: bigint;
  readonly epoch: number;
  readonly sequence: number;
}

export interface StoredRecord {
  readonly offset: number;
  readonly value: Buffer;
  readonly trace: string | undefined;
}

/** Whole batches: every record with an offset in [first, next). */
export interface Batches {
  readonly first: number;
  readonly next: number;
  readonly records: readonly StoredRecord[];
}

/** Bytes that are no sound record batch. */
export class BrokenBatch extends Error {
  /** Where the batch begins. */
  readonly offset: number;
  /** Where the next begins, as far as this one's word can be taken. */
  readonly next: number;

  constructor(offset: number, next: number, what: string) {
    super(what);
    this.offset = offset;
    this.next = Math.max(next, offset + 1);
  }
}

/** An upper bound of what a record takes in a batch. */
export function recordBytesMax({ key, value, trace }: OutgoingRecord): number {
  return (
    RECORD_FRAME_BYTES + key.length + value.length + (trace === undefined ? 0 : TRACE_HEADER.length + trace.length * 3)
  );
}

/** Bytes that a batch takes before its records. */
export const BATCH_HEADER_BYTES: number = HEADER_BYTES;

/** One batch of these records, in order. @param at_ms the time that it carries, since 1970. */
export function encodeBatch(records: readonly OutgoingRecord[], producer: ProducerState, at_ms: number): Buffer {
  const size = records.reduce((sum, record) => sum + recordBytesMax(record), HEADER_BYTES);
  const batch = Buffer.allocUnsafe(size);
  let at = HEADER_BYTES;
  records.forEach((record, delta) => {
    at = writeRecord(batch, at, record, delta);
  });
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(at - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(0, 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(at_ms), 27);
  batch.writeBigInt64BE(BigInt(at_ms), 35);
  batch.writeBigInt64BE(producer.id, 43);
  batch.writeInt16BE(producer.epoch, 51);
  batch.writeInt32BE(producer.sequence, 53);
  batch.writeInt32BE(records.length, 57);
  const whole = batch.subarray(0, at);
  whole.writeUInt32BE(crc32c(whole, CHECKED_FROM), 17);
  return whole;
}

function writeRecord(batch: Buffer, from: number, { key, value, trace }: OutgoingRecord, delta: number): number {
  const traceBytes = trace === undefined ? 0 : Buffer.byteLength(trace);
  const headers = trace === undefined ? 1 : 1 + 1 + TRACE_HEADER.length + varintBytes(traceBytes) + traceBytes;
  const body =
    2 + varintBytes(delta) + varintBytes(key.length) + key.length + varintBytes(value.length) + value.length + headers;
  let at = writeVarint(batch, from, body);
  batch[at++] = 0; // attributes
  batch[at++] = 0; // timestamp delta
  at = writeVarint(batch, at, delta);
  at = writeVarint(batch, at, key.length);
  batch.set(key, at);
  at = writeVarint(batch, at + key.length, value.length);
  batch.set(value, at);
  at += value.length;
  if (trace === undefined) {
    batch[at++] = 0;
    return at;
  }
  at = writeVarint(batch, at, 1);
  at = writeVarint(batch, at, TRACE_HEADER.length);
  at += batch.write(TRACE_HEADER, at, "latin1");
  at = writeVarint(batch, at, traceBytes);
  return at + batch.write(trace, at, "utf8");
}

/** Bytes of a number from 0 to 2^31-1 in zigzag form. */
function varintBytes(value: number): number {
  return value < 0x40 ? 1 : value < 0x2000 ? 2 : value < 0x100000 ? 3 : value < 0x8000000 ? 4 : 5;
}

function writeVarint(batch: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) batch[at++] = (rest % 0x80) | 0x80;
  batch[at++] = rest;
  return at;
}

/**
 * Reads the whole, sound batches that begin `bytes`; a cut one at the end is left. Values are views of `bytes`.
 *
 * @returns undefined where there is not one whole batch.
 * @throws BrokenBatch where the first batch is not what its checksum says, is compressed, or is of an older format.
 */
export function decodeBatches(bytes: Buffer): Batches | undefined {
  const records: StoredRecord[] = [];
  let first: number | undefined;
  let next = 0;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const base = Number(bytes.readBigInt64BE(at));
    const length = bytes.readInt32BE(at + 8) + 12;
    const before = records.length;
    try {
      if (length < HEADER_BYTES) throw new BrokenBatch(base, base, `a batch of ${length} bytes cannot be`);
      if (at + length > bytes.length) break;
      next = decodeBatch(bytes.subarray(at, at + length), base, records);
    } catch (error) {
      if (first === undefined) throw error;
      records.length = before;
      break;
    }
    first ??= base;
    at += length;
  }
  return first === undefined ? undefined : { first, next, records };
}

/** Adds a batch's records; gives the offset after it. */
function decodeBatch(batch: Buffer, base: number, records: StoredRecord[]): number {
  const next = base + batch.readInt32BE(23) + 1;
  if (batch.readInt8(16) !== MAGIC) throw new BrokenBatch(base, next, "it is of a format before version 2");
  if (batch.readUInt32BE(17) !== crc32c(batch, CHECKED_FROM)) {
    throw new BrokenBatch(base, next, "its bytes are not what its checksum was made of");
  }
  const attributes = batch.readInt16BE(21);
  if (attributes & CONTROL_FLAG) return next;
  if (attributes & CODEC_MASK) throw new BrokenBatch(base, next, "it is compressed; this log is written uncompressed");
  const cursor = { bytes: batch, at: HEADER_BYTES, base, next };
  const count = batch.readInt32BE(57);
  for (let i = 0; i < count; i++) records.push(readRecord(cursor));
  return next;
}

interface Cursor {
  readonly bytes: Buffer;
  readonly base: number;
  readonly next: number;
  at: number;
}

function readRecord(cursor: Cursor): StoredRecord {
  const end = readVarint(cursor) + cursor.at;
  cursor.at++; // attributes
  skipVarint(cursor); // timestamp delta, which may need 64 bits
  const offset = cursor.base + readVarint(cursor);
  readBytes(cursor);
  const value = readBytes(cursor) ?? Buffer.alloc(0);
  const trace = readTrace(cursor);
  if (cursor.at !== end) throw new BrokenBatch(cursor.base, cursor.next, "a record in it does not end where it says");
  return { offset, value, trace };
}

function readTrace(cursor: Cursor): string | undefined {
  let trace: string | undefined;
  for (let left = readVarint(cursor); left > 0; left--) {
    const name = readBytes(cursor)?.toString("utf8");
    const value = readBytes(cursor);
    if (name === TRACE_HEADER) trace = value?.toString("utf8");
  }
  return trace;
}

/** Bytes after their length; undefined for null. */
function readBytes(cursor: Cursor): Buffer | undefined {
  const length = readVarint(cursor);
  if (length < 0) return undefined;
  const from = cursor.at;
  cursor.at += length;
  if (cursor.at > cursor.bytes.length)
    throw new BrokenBatch(cursor.base, cursor.next, "a record in it is longer than the batch");
  return cursor.bytes.subarray(from, cursor.at);
}

/** A 32-bit number in zigzag form. */
function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
  throw new BrokenBatch(cursor.base, cursor.next, "a number in it has no end");
}

function skipVarint(cursor: Cursor): void {
  for (let bytes = 0; bytes < 10; bytes++) if ((cursor.bytes[cursor.at++] ?? 0) < 0x80) return;
  throw new BrokenBatch(cursor.base, cursor.next, "a number in it has no end");
}
