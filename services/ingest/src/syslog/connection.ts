/**
 * One syslog connection. Syslog has no answers: what a peer can see is whether its bytes are read, and whether the
 * connection stands. So messages are taken in their order, none is read while too many wait, and what cannot be taken
 * ends the connection.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import type { MedtraceError } from "@medtrace/shared/errors";
import { type FrameEvent, Framer } from "./framer.ts";
import type { SyslogLimits } from "./limits.ts";
import type { Take } from "./take.ts";
import type { MessageRefusal, Tallies, Tally } from "./tally.ts";

/** Log lines name the peer's address and say nothing of what it sent. */
export interface SyslogLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

/** What the listener's connections share. */
export interface Shared {
  readonly limits: SyslogLimits;
  readonly take: Take;
  readonly log: SyslogLog;
  readonly tallies: Tallies;
  /** Bytes held over all connections. */
  heldBytes: number;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

export class Connection {
  readonly #socket: TLSSocket;
  readonly #institution: string;
  readonly #shared: Shared;
  readonly #tally: Tally;
  readonly #framer: Framer;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Of the framer, as far as it is counted in what all connections hold. */
  #framerBytes = 0;
  #refusedInRow = 0;
  /** Resolves when nothing waits any more. */
  #work: Promise<void> = Promise.resolve();
  #isWorking = false;
  /** Nothing more is read: the peer or this side is done. */
  #isEnding = false;
  #messageTimer: NodeJS.Timeout | undefined;
  readonly #closed = Promise.withResolvers<void>();
  /** Aborted when the connection is given up. */
  readonly #gone = new AbortController();

  constructor(socket: TLSSocket, institution: string, shared: Shared) {
    this.#socket = socket;
    this.#institution = institution;
    this.#shared = shared;
    this.#tally = shared.tallies.of(institution);
    this.#tally.connections++;
    this.#framer = new Framer(shared.limits.messageBytesMax);
    socket.setTimeout(shared.limits.idle_ms_max);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("end", () => this.#peerEnded());
    socket.on("timeout", () => this.#idle());
    socket.on("error", (error: NodeJS.ErrnoException) => this.#failed(error));
    socket.on("close", () => this.#onClose());
  }

  /** Reads no more, takes the messages that are whole, then ends the connection. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#stopTimer();
    this.#run();
  }

  /** Gives the connection up, and what waits in it. */
  destroy(): void {
    this.#gone.abort();
    this.#socket.destroy();
  }

  /** Resolves when the socket is closed and nothing of this connection is being taken. */
  async done(): Promise<void> {
    await this.#closed.promise;
    await this.#work;
  }

  #read(chunk: Uint8Array): void {
    this.#tally.receivedBytes += chunk.length;
    if (this.#isEnding) return;
    const wasInside = this.#framer.isInside;
    const events = this.#framer.push(chunk);
    this.#hold(this.#framer.heldBytes - this.#framerBytes);
    this.#framerBytes = this.#framer.heldBytes;
    for (const event of events) this.#handle(event);
    if (!this.#framer.isInside || this.#isEnding) this.#stopTimer();
    else if (!wasInside || events.length > 0) this.#startTimer();
    if (this.#shared.heldBytes > this.#shared.limits.heldBytesMax) this.#close("busy");
    else this.#run();
  }

  #handle(event: FrameEvent): void {
    if (event.kind !== "message") {
      this.#close(event.kind);
      return;
    }
    this.#waiting.push(event.content);
    this.#waitingBytes += event.content.length;
    this.#hold(event.content.length);
  }

  /** Starts taking what waits, unless that is under way. */
  #run(): void {
    this.#throttle();
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#work = this.#takeAll();
  }

  async #takeAll(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#gone.signal.aborted) {
      const messages = this.#waiting.splice(0, this.#shared.limits.togetherMax);
      const bytes = messages.reduce((sum, message) => sum + message.length, 0);
      const results = await this.#take(messages);
      this.#waitingBytes -= bytes;
      this.#hold(-bytes);
      if (results === undefined) this.#close("failed");
      else this.#note(results);
      this.#throttle();
    }
    for (const message of this.#waiting.splice(0)) this.#hold(-message.length);
    this.#isWorking = false;
    if (this.#isEnding) this.#socket.end(() => this.#socket.destroy());
  }

  /** Tries until storage has taken them; undefined where it did not for too long. */
  async #take(messages: readonly Uint8Array[]): Promise<readonly (MedtraceError | undefined)[] | undefined> {
    const { take, limits } = this.#shared;
    const until_ms = performance.now() + limits.retry_ms_max;
    for (let wait_ms = RETRY_MS_MIN; ; wait_ms = Math.min(wait_ms * 2, RETRY_MS_MAX)) {
      try {
        return await take(this.#institution, messages);
      } catch (cause) {
        this.#log("warn", { err: cause, messages: messages.length }, "messages could not be taken");
      }
      if (performance.now() + wait_ms > until_ms || this.#gone.signal.aborted) return undefined;
      await sleep(wait_ms, undefined, { signal: this.#gone.signal }).catch(() => undefined);
    }
  }

  #note(results: readonly (MedtraceError | undefined)[]): void {
    for (const error of results) {
      if (error === undefined) {
        this.#tally.messagesTaken++;
        this.#refusedInRow = 0;
        continue;
      }
      this.#tally.messagesRefused++;
      this.#refusedInRow++;
      this.#log("warn", { error: error.code, at: error.at }, error.message);
    }
    if (this.#refusedInRow < this.#shared.limits.refusedInRowMax) return;
    this.#log("warn", { refused: this.#refusedInRow }, "connection closed: its peer sends no audit messages");
    this.destroy();
  }

  /** The socket waits while too much does; the time of a message runs only while its peer can send. */
  #throttle(): void {
    if (this.#isEnding || this.#socket.destroyed) return;
    const isFull = this.#waitingBytes > this.#shared.limits.waitingBytesMax;
    if (isFull === this.#socket.isPaused()) return;
    if (isFull) {
      this.#socket.pause();
      this.#stopTimer();
    } else {
      this.#socket.resume();
      if (this.#framer.isInside) this.#startTimer();
    }
  }

  /** Reads no more of this connection; what came whole before is still taken, but where storage takes nothing. */
  #close(reason: MessageRefusal): void {
    this.#tally.closed[reason]++;
    this.#log("warn", { reason }, "connection closed: what it sent could not be taken");
    if (reason === "failed") this.destroy();
    else this.end();
  }

  #peerEnded(): void {
    if (this.#framer.isInside && !this.#isEnding) {
      this.#tally.closed.cut++;
      this.#log("warn", {}, "the connection ended inside a message");
    }
    this.end();
  }

  /** What the peer's system had not delivered yet is lost with a connection that it resets. */
  #failed({ code }: NodeJS.ErrnoException): void {
    if (!this.#isEnding) this.#tally.closed.reset++;
    this.#log("warn", { code }, "connection failed: what was on its way is lost");
  }

  #startTimer(): void {
    this.#stopTimer();
    this.#messageTimer = setTimeout(() => this.#close("too-slow"), this.#shared.limits.message_ms_max);
  }

  #stopTimer(): void {
    clearTimeout(this.#messageTimer);
    this.#messageTimer = undefined;
  }

  /** The peer is blamed for silence, but not for our own slowness. */
  #idle(): void {
    if (this.#waitingBytes > 0) {
      this.#socket.setTimeout(this.#shared.limits.idle_ms_max);
      return;
    }
    this.#log("info", {}, "connection closed for silence");
    this.end();
  }

  #onClose(): void {
    this.#tally.connections--;
    this.#stopTimer();
    this.#hold(-this.#framerBytes);
    this.#framerBytes = 0;
    // What came whole is taken although its sender is gone: it will not send it again.
    this.end();
    this.#closed.resolve();
  }

  #hold(bytes: number): void {
    this.#shared.heldBytes += bytes;
  }

  #log(level: "info" | "warn", fields: object, text: string): void {
    const peer = this.#socket.remoteAddress;
    this.#shared.log[level]({ institution: this.#institution, peer, ...fields }, text);
  }
}
