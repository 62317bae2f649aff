/**
 * MLLP frames (HL7 transport specification, release 1): 0x0B, content, 0x1C 0x0D. Works on bytes, for chunks cut
 * anywhere; holds no more than one frame, and that up to a cap.
 */
export const FRAME_START = 0x0b;
export const FRAME_END = 0x1c;
export const FRAME_END_2 = 0x0d;

export type FrameEvent =
  | { readonly kind: "frame"; readonly content: Uint8Array }
  /** A frame over the cap: its bytes were dropped, and nothing after it is read. */
  | { readonly kind: "too-large" }
  /** Text outside of frames was over the cap: the sender does not frame, and nothing after it is read. */
  | { readonly kind: "unframed" }
  /** A frame was opened inside one that never ended: the sender gave up and began again. */
  | { readonly kind: "abandoned"; readonly length: number };

type Mark = typeof FRAME_START | typeof FRAME_END;

const EMPTY = Buffer.alloc(0);
const HELD_BYTES_MIN = 4_096;
/** Text outside of frames since the last one, blanks and control characters not counted. */
const STRAY_BYTES_MAX = 4_096;
const SPACE = 0x20;

export class Framer {
  readonly #contentBytesMax: number;
  /** Grows with the frame: a sender of single bytes costs no more than one of large chunks. */
  #held: Buffer = EMPTY;
  #length = 0;
  #inside = false;
  /** The last byte was an end mark, whose second byte is still to come. */
  #ending = false;
  #failed = false;
  #strayBytes = 0;
  /** Where the next marks are in the chunk at hand. */
  #marks: Record<Mark, number> = { [FRAME_START]: -1, [FRAME_END]: -1 };

  constructor(contentBytesMax: number) {
    this.#contentBytesMax = contentBytesMax;
  }

  /** Bytes held of a frame that has not ended. */
  get heldBytes(): number {
    return this.#length;
  }

  /** True between the start and the end of a frame. */
  get isInside(): boolean {
    return this.#inside;
  }

  /** Bytes of text that came outside of frames since the last one began. */
  get strayBytes(): number {
    return this.#strayBytes;
  }

  /** Frames that the next bytes of the connection complete, in order. Bytes between frames are skipped. */
  push(chunk: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = [];
    this.#marks = { [FRAME_START]: -1, [FRAME_END]: -1 };
    let at = 0;
    while (at < chunk.length && !this.#failed)
      at = this.#inside ? this.#read(chunk, at, events) : this.#seek(chunk, at, events);
    return events;
  }

  /** Skips to the next frame's start; gives the place after it. */
  #seek(chunk: Uint8Array, at: number, events: FrameEvent[]): number {
    const start = this.#next(FRAME_START, chunk, at);
    for (let i = at; i < start; i++) if ((chunk[i] as number) > SPACE) this.#strayBytes++;
    if (this.#strayBytes > STRAY_BYTES_MAX) {
      this.#failed = true;
      events.push({ kind: "unframed" });
      return chunk.length;
    }
    this.#inside = start < chunk.length;
    if (this.#inside) this.#strayBytes = 0;
    return start + 1;
  }

  /** Reads content up to the next mark; gives the place after what it read. */
  #read(chunk: Uint8Array, at: number, events: FrameEvent[]): number {
    if (this.#ending) return this.#end(chunk, at, events);
    const end = this.#next(FRAME_END, chunk, at);
    const start = this.#next(FRAME_START, chunk, at);
    if (start < end) {
      events.push({ kind: "abandoned", length: this.#length + start - at });
      this.#reset(true);
      return start + 1;
    }
    const content = chunk.subarray(at, end);
    if (this.#length === 0 && chunk[end + 1] === FRAME_END_2 && content.length <= this.#contentBytesMax) {
      events.push({ kind: "frame", content });
      this.#reset(false);
      return end + 2;
    }
    this.#keep(content, events);
    this.#ending = end < chunk.length;
    return end + 1;
  }

  /** The byte after an end mark: it ends the frame, or the mark was content. */
  #end(chunk: Uint8Array, at: number, events: FrameEvent[]): number {
    this.#ending = false;
    const byte = chunk[at];
    if (byte === FRAME_END_2 || byte === FRAME_START) {
      events.push({ kind: "frame", content: this.#held.subarray(0, this.#length) });
      // A sender who leaves the second end byte out still ended its frame when it opens the next.
      this.#reset(byte === FRAME_START);
      return at + 1;
    }
    this.#keep(Uint8Array.of(FRAME_END), events);
    return at;
  }

  /** Place of the next mark, or the chunk's length; each is looked for once, so that marks in masses cost no more. */
  #next(mark: Mark, chunk: Uint8Array, at: number): number {
    if (this.#marks[mark] < at) {
      const found = chunk.indexOf(mark, at);
      this.#marks[mark] = found < 0 ? chunk.length : found;
    }
    return this.#marks[mark];
  }

  #keep(bytes: Uint8Array, events: FrameEvent[]): void {
    if (bytes.length === 0) return;
    if (this.#length + bytes.length > this.#contentBytesMax) {
      this.#failed = true;
      this.#reset(false);
      events.push({ kind: "too-large" });
      return;
    }
    const length = this.#length + bytes.length;
    if (length > this.#held.length) this.#grow(length);
    this.#held.set(bytes, this.#length);
    this.#length = length;
  }

  #grow(length: number): void {
    const size = Math.max(length, Math.min(this.#held.length * 2, this.#contentBytesMax), HELD_BYTES_MIN);
    const grown = Buffer.allocUnsafeSlow(size);
    grown.set(this.#held.subarray(0, this.#length));
    this.#held = grown;
  }

  #reset(inside: boolean): void {
    this.#held = EMPTY;
    this.#length = 0;
    this.#inside = inside;
  }
}

/** A message in its frame. */
export function frame(content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(FRAME_START), content, Uint8Array.of(FRAME_END, FRAME_END_2)]);
}
