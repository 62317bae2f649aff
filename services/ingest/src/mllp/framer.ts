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
  /** A frame was opened inside one that never ended: the sender gave up and began again. */
  | { readonly kind: "abandoned"; readonly length: number };

export class Framer {
  readonly #contentBytesMax: number;
  #chunks: Uint8Array[] = [];
  #length = 0;
  #inside = false;
  /** The last byte was an end mark, whose second byte is still to come. */
  #ending = false;
  #failed = false;

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

  /** Frames that the next bytes of the connection complete, in order. Bytes between frames are skipped. */
  push(chunk: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = [];
    let at = 0;
    while (at < chunk.length && !this.#failed)
      at = this.#inside ? this.#read(chunk, at, events) : this.#seek(chunk, at);
    return events;
  }

  /** Skips to the next frame's start; gives the place after it. */
  #seek(chunk: Uint8Array, at: number): number {
    const start = chunk.indexOf(FRAME_START, at);
    if (start < 0) return chunk.length;
    this.#inside = true;
    return start + 1;
  }

  /** Reads content up to the next mark; gives the place after what it read. */
  #read(chunk: Uint8Array, at: number, events: FrameEvent[]): number {
    if (this.#ending) return this.#end(chunk, at, events);
    const end = before(chunk.indexOf(FRAME_END, at), chunk.length);
    const start = before(chunk.subarray(at, end).indexOf(FRAME_START), end - at) + at;
    if (start < end) {
      events.push({ kind: "abandoned", length: this.#length + start - at });
      this.#reset(true);
      return start + 1;
    }
    this.#keep(chunk.subarray(at, end), events);
    this.#ending = end < chunk.length;
    return end + 1;
  }

  /** The byte after an end mark: it ends the frame, or the mark was content. */
  #end(chunk: Uint8Array, at: number, events: FrameEvent[]): number {
    this.#ending = false;
    const byte = chunk[at];
    if (byte === FRAME_END_2 || byte === FRAME_START) {
      events.push({ kind: "frame", content: this.#content() });
      // A sender who leaves the second end byte out still ended its frame when it opens the next.
      this.#reset(byte === FRAME_START);
      return at + 1;
    }
    this.#keep(Uint8Array.of(FRAME_END), events);
    return at;
  }

  #keep(bytes: Uint8Array, events: FrameEvent[]): void {
    if (bytes.length === 0) return;
    if (this.#length + bytes.length > this.#contentBytesMax) {
      this.#failed = true;
      this.#reset(false);
      events.push({ kind: "too-large" });
      return;
    }
    this.#length += bytes.length;
    this.#chunks.push(bytes);
  }

  #content(): Uint8Array {
    const [only] = this.#chunks;
    return this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
  }

  #reset(inside: boolean): void {
    this.#chunks = [];
    this.#length = 0;
    this.#inside = inside;
  }
}

function before(index: number, end: number): number {
  return index < 0 ? end : index;
}

/** A message in its frame. */
export function frame(content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(FRAME_START), content, Uint8Array.of(FRAME_END, FRAME_END_2)]);
}
