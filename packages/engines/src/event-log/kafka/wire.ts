/** Produce and Fetch as Kafka's protocol has them (kafka.apache.org/protocol): versions 7 and 11, of Kafka 2.4 and later. */

/** A request and how its response is read. */
export interface WireRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly body: Buffer;
  readonly read: (body: Buffer) => T;
}

export interface ProduceOptions {
  readonly topic: string;
  /** One batch for each partition. */
  readonly batches: ReadonlyMap<number, Buffer>;
  /** How long the broker may wait for its replicas. */
  readonly timeout_ms: number;
}

export interface Produced {
  readonly partition: number;
  /** Kafka's error code; 0 for none. */
  readonly error: number;
  /** Offset of the batch's first record. */
  readonly base: number;
}

export interface FetchOptions {
  readonly topic: string;
  /** From which offset to read each partition. */
  readonly offsets: ReadonlyMap<number, number>;
  /** How long the broker may wait for a byte to be there. */
  readonly wait_ms: number;
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
}

export interface Fetched {
  readonly partition: number;
  /** Kafka's error code; 0 for none. */
  readonly error: number;
  /** One past the last offset that every replica in sync has. */
  readonly end: number;
  readonly first: number;
  /** Record batches, the last of them maybe cut off. */
  readonly batches: Buffer;
}

const ALL_REPLICAS = -1;
/** Whatever is in the log, also of transactions: the same for every reader, at every time. */
const READ_UNCOMMITTED = 0;

/** Sends batches; acknowledged by all replicas in sync. */
export function produceRequest({ topic, batches, timeout_ms }: ProduceOptions): WireRequest<Produced[]> {
  const head = new Writer(64 + topic.length);
  head.int16(-1).int16(ALL_REPLICAS).int32(timeout_ms).int32(1).string(topic).int32(batches.size);
  const parts: Buffer[] = [head.bytes];
  for (const [partition, batch] of batches) {
    parts.push(new Writer(8).int32(partition).int32(batch.length).bytes, batch);
  }
  return { apiKey: 0, apiVersion: 7, apiName: "Produce", body: Buffer.concat(parts), read: readProduced };
}

function readProduced(body: Buffer): Produced[] {
  const from = new Reader(body);
  const produced: Produced[] = [];
  for (let topics = from.int32(); topics > 0; topics--) {
    from.string();
    for (let partitions = from.int32(); partitions > 0; partitions--) {
      const [partition, error, base] = [from.int32(), from.int16(), from.int64()];
      from.skip(16); // log append time, first offset
      produced.push({ partition, error, base });
    }
  }
  return produced;
}

/** Reads partitions, each from an offset on. */
export function fetchRequest(options: FetchOptions): WireRequest<Fetched[]> {
  const to = new Writer(128 + options.topic.length + options.offsets.size * 28);
  to.int32(-1).int32(options.wait_ms).int32(1).int32(options.bytesMax).int8(READ_UNCOMMITTED);
  to.int32(0).int32(-1).int32(1).string(options.topic).int32(options.offsets.size);
  for (const [partition, offset] of options.offsets) {
    to.int32(partition).int32(-1).int64(offset).int64(-1).int32(options.partitionBytesMax);
  }
  to.int32(0).string("");
  return { apiKey: 1, apiVersion: 11, apiName: "Fetch", body: to.bytes, read: readFetched };
}

function readFetched(body: Buffer): Fetched[] {
  const from = new Reader(body);
  from.skip(4 + 2 + 4); // throttle time, error and id of the session, which there is not
  const fetched: Fetched[] = [];
  for (let topics = from.int32(); topics > 0; topics--) {
    from.string();
    for (let partitions = from.int32(); partitions > 0; partitions--) fetched.push(readPartition(from));
  }
  return fetched;
}

function readPartition(from: Reader): Fetched {
  const [partition, error, end] = [from.int32(), from.int16(), from.int64()];
  from.skip(8); // last stable offset
  const first = from.int64();
  from.skip(16 * Math.max(0, from.int32())); // aborted transactions
  from.skip(4); // preferred replica
  return { partition, error, end, first, batches: from.take(Math.max(0, from.int32())) };
}

/** Big-endian fields, into a buffer that is large enough. */
class Writer {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  int8(value: number): this {
    this.#at = this.#buffer.writeInt8(value, this.#at);
    return this;
  }

  int16(value: number): this {
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
    return this;
  }

  int32(value: number): this {
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
    return this;
  }

  int64(value: number): this {
    this.#at = this.#buffer.writeBigInt64BE(BigInt(value), this.#at);
    return this;
  }

  string(text: string): this {
    this.int16(text.length);
    this.#at += this.#buffer.write(text, this.#at, "latin1");
    return this;
  }
}

/** Big-endian fields; an error where they end too early. */
class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.skip(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.skip(4));
  }

  int64(): number {
    return Number(this.#buffer.readBigInt64BE(this.skip(8)));
  }

  string(): string {
    return this.take(Math.max(0, this.int16())).toString("utf8");
  }

  take(length: number): Buffer {
    const from = this.skip(length);
    return this.#buffer.subarray(from, from + length);
  }

  /** Goes on by so many bytes; gives where they begin. */
  skip(length: number): number {
    const from = this.#at;
    if (from + length > this.#buffer.length) throw new Error("a response of Kafka ends too early");
    this.#at = from + length;
    return from;
  }
}
