/**
 * Syslog over TLS is framed by octet counting (RFC 5425, 4.3): `MSG-LEN SP SYSLOG-MSG`. Works on bytes, for chunks cut
 * anywhere; holds no more than one message, and that up to a cap.
 */
export type FramingFault =
  /** No length, one that does not end, or none where one must be: what follows cannot be told apart. */
  | "unframed"
  /** A length over the cap; nothing after it is read. */
  | "too-large";

export type FrameEvent = { readonly kind: "message"; readonly content: Uint8Array } | { readonly kind: FramingFault };

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const EMPTY = Buffer.alloc(0);
const HELD_BYTES_MIN = 4_096;

export class Framer {
  readonly #messageBytesMax: number;
  /** Grows with the message: a length that is only claimed costs nothing. */
  #held: Buffer = EMPTY;
  #heldLength = 0;
  /** Length of the message that is being read; 0 while its length is. */
  #wanted = 0;
  /** What the digits so far amount to; undefined before the first. */
  #length: number | undefined;
  #failed = false;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** Bytes held of a message that has not ended. */
  get heldBytes(): number {
    return this.#heldLength;
  }

  /** True between the first digit of a length and the end of its message. */
  get isInside(): boolean {
    return !this.#failed && (this.#wanted > 0 || this.#length !== undefined);
  }

  /** Messages that the next bytes of the connection complete, in order; after a fault nothing more is read. */
  push(chunk: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = [];
    let at = 0;
    while (at < chunk.length && !this.#failed) {
      at = this.#wanted === 0 ? this.#readLength(chunk, at, events) : this.#readMessage(chunk, at, events);
    }
    return events;
  }

  /** Reads one byte of a length; gives the place after it. */
  #readLength(chunk: Uint8Array, at: number, events: FrameEvent[]): number {
    const byte = chunk[at] as number;
    const isFirst = this.#length === undefined;
    // Senders who end each message with a line end, as other framings do, count it or not.
    if (isFirst && (byte === LF || byte === CR)) return at + 1;
    if (byte >= (isFirst ? DIGIT_0 + 1 : DIGIT_0) && byte <= DIGIT_9) {
      this.#length = (this.#length ?? 0) * 10 + byte - DIGIT_0;
      if (this.#length > this.#messageBytesMax) this.#fail("too-large", events);
    } else if (byte === SPACE && this.#length !== undefined) {
      this.#wanted = this.#length;
      this.#length = undefined;
    } else this.#fail("unframed", events);
    return at + 1;
  }

  #readMessage(chunk: Uint8Array, at: number, events: FrameEvent[]): number {
    const end = Math.min(chunk.length, at + this.#wanted - this.#heldLength);
    const part = chunk.subarray(at, end);
    if (part.length === this.#wanted) this.#complete(part, events);
    else {
      this.#keep(part);
      if (this.#heldLength === this.#wanted) this.#complete(this.#held.subarray(0, this.#wanted), events);
    }
    return end;
  }

  #complete(content: Uint8Array, events: FrameEvent[]): void {
    events.push({ kind: "message", content });
    this.#held = EMPTY;
    this.#heldLength = 0;
    this.#wanted = 0;
  }

  #keep(part: Uint8Array): void {
    const length = this.#heldLength + part.length;
    if (length > this.#held.length) {
      const size = Math.max(length, Math.min(this.#held.length * 2, this.#wanted), HELD_BYTES_MIN);
      const grown = Buffer.allocUnsafeSlow(size);
      grown.set(this.#held.subarray(0, this.#heldLength));
      this.#held = grown;
    }
    this.#held.set(part, this.#heldLength);
    this.#heldLength = length;
  }

  #fail(kind: FramingFault, events: FrameEvent[]): void {
    this.#failed = true;
    this.#held = EMPTY;
    this.#heldLength = 0;
    events.push({ kind });
  }
}

/** A syslog message in its frame. */
export function frame(content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${content.length} `, "latin1"), content]);
}
