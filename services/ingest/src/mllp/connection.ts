/** One MLLP connection: frames in, answers out in the order of the frames. */
import type { Socket } from "node:net";
import { MedtraceError } from "@medtrace/shared/errors";
import { type FrameEvent, Framer, frame } from "./framer.ts";
import type { MllpLimits } from "./limits.ts";
import { countAnswer, type FrameRefusal, type Tallies, type Tally } from "./tally.ts";

/** What the listener's connections share. */
export interface Shared {
  readonly limits: MllpLimits;
  /** The answers to the content of one frame, once that is durable; none where none is wanted. */
  readonly take: (institution: string, content: Uint8Array) => Promise<readonly Uint8Array[]>;
  /** The answer to what is not taken as a message at all. */
  readonly reject: (error: MedtraceError) => Uint8Array;
  readonly log: MllpLog;
  readonly tallies: Tallies;
  /** Bytes held over all connections. */
  heldBytes: number;
}

/** Log lines name the peer's address and say nothing of what it sent. */
export interface MllpLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

interface Refusal {
  readonly kind: "refusal";
  readonly error: MedtraceError;
}

const KEEP_ALIVE_MS = 60_000;

export class Connection {
  readonly #socket: Socket;
  readonly #institution: string;
  readonly #shared: Shared;
  readonly #framer: Framer;
  readonly #tally: Tally;
  readonly #peer: string;
  /** Framed, not yet being taken; a refusal is the last. */
  readonly #waiting: (FrameEvent | Refusal)[] = [];
  #inFlight = 0;
  /** Resolves when everything framed so far is answered. */
  #answers: Promise<void> = Promise.resolve();
  #isWriting = false;
  /** Nothing more is read: the peer or this side is done. */
  #isEnding = false;
  /** The end of the answers is settled. */
  #isFinished = false;
  #frameTimer: NodeJS.Timeout | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;
  #heldBytes = 0;
  readonly #gone = Promise.withResolvers<void>();

  constructor(socket: Socket, institution: string, shared: Shared) {
    this.#socket = socket;
    this.#institution = institution;
    this.#shared = shared;
    this.#tally = shared.tallies.of(institution);
    this.#tally.connections++;
    this.#framer = new Framer(shared.limits.frameBytesMax);
    this.#peer = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`;
    socket.setNoDelay(true);
    // A peer that is gone without a word is noticed long before it counts as silent.
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setTimeout(shared.limits.idle_ms_max);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("end", () => this.end());
    socket.on("timeout", () => this.#idle());
    socket.on("error", (error: NodeJS.ErrnoException) => this.#log("info", { code: error.code }, "connection failed"));
    socket.on("close", () => this.#closed());
  }

  /** Reads no more, answers what was framed, then ends the connection; bounded by the linger limit. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#stopFrame();
    this.#pump();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves when the socket is closed and nothing of this connection is being taken. */
  async done(): Promise<void> {
    await this.#gone.promise;
    await this.#answers;
  }

  #read(chunk: Uint8Array): void {
    this.#tally.receivedBytes += chunk.length;
    if (this.#isEnding) return;
    const wasPending = this.#isPending();
    const events = this.#framer.push(chunk);
    this.#hold(this.#framer.heldBytes - this.#heldBytes);
    this.#heldBytes = this.#framer.heldBytes;
    for (const event of events) {
      if (event.kind === "frame") this.#hold(event.content.length);
      this.#waiting.push(event);
    }
    if (!this.#isPending()) this.#stopFrame();
    else if (!wasPending || events.length > 0) this.#startFrame();
    this.#pump();
    if (this.#heldBytes > 0 && this.#isOverfull()) this.#refuse("busy", busy());
  }

  /** Takes frames up to the limit in flight; the rest, and the socket, wait. */
  #pump(): void {
    while (this.#inFlight < this.#shared.limits.inFlightMax) {
      const event = this.#waiting.shift();
      if (event === undefined) break;
      this.#handle(event);
    }
    if (!this.#isEnding) this.#throttle();
    else if (this.#waiting.length === 0) this.#finish();
  }

  /** Lets the socket wait while too much is in flight; the time of a frame runs only while its peer can send. */
  #throttle(): void {
    const isFull = this.#inFlight >= this.#shared.limits.inFlightMax;
    if (isFull === this.#socket.isPaused()) return;
    if (isFull) {
      this.#socket.pause();
      this.#stopFrame();
    } else {
      this.#socket.resume();
      if (this.#isPending()) this.#startFrame();
    }
  }

  #handle(event: FrameEvent | Refusal): void {
    if (event.kind === "frame") this.#take(event.content);
    else if (event.kind === "refusal") this.#answer(Promise.resolve([this.#shared.reject(event.error)]), 0);
    else if (event.kind === "unframed") this.#refuse("unframed", unframed());
    else if (event.kind === "too-large") this.#refuse("too-large", tooLarge(this.#shared.limits.frameBytesMax));
    else {
      this.#tally.framesRefused.abandoned++;
      this.#log("warn", { bytes: event.length }, "a frame was given up for another");
    }
  }

  #take(content: Uint8Array): void {
    if (this.#isOverfull()) {
      this.#tally.framesRefused.busy++;
      this.#answer(Promise.resolve([this.#shared.reject(busy())]), content.length);
      return;
    }
    const answer = this.#shared.take(this.#institution, content).then(
      (taken) => {
        this.#tally.framesTaken++;
        return taken;
      },
      (cause) => {
        this.#tally.framesRefused.failed++;
        this.#log("warn", { err: cause }, "a frame could not be taken");
        return [this.#shared.reject(fault())];
      },
    );
    this.#answer(answer, content.length);
  }

  /** Sends the answers to one frame once they are there and those to the frames before it are sent. */
  #answer(answers: Promise<readonly Uint8Array[]>, contentBytes: number): void {
    this.#inFlight++;
    this.#answers = this.#answers.then(async () => {
      const contents = await answers;
      if (contents.length === 0) countAnswer(this.#tally, undefined);
      for (const content of contents) await this.#write(content);
      this.#inFlight--;
      this.#hold(-contentBytes);
      this.#pump();
    });
  }

  /** Resolves when the peer has made room for more, or is gone. */
  async #write(content: Uint8Array): Promise<void> {
    if (!this.#socket.writable) return;
    countAnswer(this.#tally, content);
    // Answers of one turn of the event loop leave in one call to the system.
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      setImmediate(() => this.#socket.uncork());
    }
    const framed = frame(content);
    this.#tally.sentBytes += framed.length;
    if (this.#socket.write(framed)) return;
    this.#isWriting = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("drain", resolve).once("close", resolve);
    await promise;
    this.#socket.off("drain", resolve).off("close", resolve);
    this.#isWriting = false;
  }

  /** Answers that the rest of this connection is not taken, after what came before it, and ends. */
  #refuse(reason: FrameRefusal, error: MedtraceError): void {
    if (this.#isEnding) return;
    this.#tally.framesRefused[reason]++;
    this.#log("warn", { error: error.code }, error.message);
    this.#waiting.push({ kind: "refusal", error });
    this.end();
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#answers = this.#answers.then(() => {
      // What the peer still sends is read and dropped, so that the answer reaches it before a reset does.
      this.#socket.resume();
      this.#socket.end();
      if (!this.#socket.destroyed) {
        this.#lingerTimer = setTimeout(() => this.destroy(), this.#shared.limits.linger_ms_max);
      }
    });
  }

  #startFrame(): void {
    this.#stopFrame();
    this.#frameTimer = setTimeout(() => {
      if (this.#framer.isInside) this.#refuse("too-slow", tooSlow());
      else this.#refuse("unframed", unframed());
    }, this.#shared.limits.frame_ms_max);
  }

  /** Something was begun that a frame must end, or must follow. */
  #isPending(): boolean {
    return this.#framer.isInside || this.#framer.strayBytes > 0;
  }

  #stopFrame(): void {
    clearTimeout(this.#frameTimer);
    this.#frameTimer = undefined;
  }

  /** The peer is blamed for silence, and for not reading its answers, but not for our own slowness. */
  #idle(): void {
    if (this.#inFlight > 0 && !this.#isWriting) {
      this.#socket.setTimeout(this.#shared.limits.idle_ms_max);
      return;
    }
    this.#log("info", {}, "connection closed for silence");
    this.destroy();
  }

  #closed(): void {
    this.#tally.connections--;
    this.#isEnding = true;
    this.#stopFrame();
    clearTimeout(this.#lingerTimer);
    this.#hold(-this.#heldBytes);
    this.#heldBytes = 0;
    for (const event of this.#waiting.splice(0)) if (event.kind === "frame") this.#hold(-event.content.length);
    this.#gone.resolve();
  }

  #hold(bytes: number): void {
    this.#shared.heldBytes += bytes;
  }

  #isOverfull(): boolean {
    return this.#shared.heldBytes > this.#shared.limits.heldBytesMax;
  }

  #log(level: "info" | "warn", fields: object, text: string): void {
    this.#shared.log[level]({ institution: this.#institution, peer: this.#peer, ...fields }, text);
  }
}

function busy(): MedtraceError {
  return new MedtraceError("BUSY", "too much is being taken at once", { hint: "send the message again later" });
}

function fault(): MedtraceError {
  return new MedtraceError("STORAGE_FAILED", "the message could not be taken", { hint: "send it again later" });
}

function tooLarge(bytesMax: number): MedtraceError {
  return new MedtraceError("INPUT_TOO_LARGE", `the frame is over ${bytesMax} bytes`, {
    hint: "send it as several smaller messages",
  });
}

function unframed(): MedtraceError {
  return new MedtraceError("INPUT_MALFORMED", "there is text outside of frames", {
    hint: "begin each message with the byte 0B, and end it with 1C 0D",
  });
}

function tooSlow(): MedtraceError {
  return new MedtraceError("INPUT_MALFORMED", "the frame did not end in time", {
    hint: "end each frame with the bytes 1C 0D",
  });
}
