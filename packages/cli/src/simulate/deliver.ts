/** Sends simulated messages to ingest at a pace: HL7 v2 as streams of messages, FHIR as NDJSON. */
import { setTimeout as wait } from "node:timers/promises";
import { addTold, emptyReport, type FileReport } from "../publish/report.ts";
import type { Sender } from "../publish/send.ts";
import type { SimulatedMessage } from "./desk.ts";

export interface Delivery {
  /** By institution, then kind; in the order of first messages. */
  readonly reports: readonly FileReport[];
  readonly sent: number;
  readonly seconds: number;
}

export interface DeliverOptions {
  readonly messages: Iterable<SimulatedMessage>;
  /** How many of them. */
  readonly count: number;
  /** Messages a second; with {@link Number.POSITIVE_INFINITY} as fast as ingest takes them. */
  readonly rate: number;
  readonly senderOf: (institution: string) => Sender;
  readonly progress: (sent: number) => void;
  readonly signal: AbortSignal;
}

const TICK_MS = 100;
/** Messages of one request, at most. */
const TOGETHER = 500;
/** Messages that may wait for ingest before no more are made. */
const WAITING_MAX = 5_000;

/** Resolves when the last message was answered. @throws Failure where ingest cannot be reached. */
export async function deliver(options: DeliverOptions): Promise<Delivery> {
  const { messages, count, rate, progress, signal } = options;
  const lanes = new Lanes(options.senderOf);
  const started_ms = performance.now();
  let taken = 0;
  for (const message of messages) {
    if (taken === count || signal.aborted) break;
    const due_ms = started_ms + (taken / rate) * 1_000;
    if (due_ms > performance.now()) {
      lanes.flush();
      progress(taken);
      await wait(Math.max(TICK_MS, due_ms - performance.now()), undefined, { signal }).catch(() => undefined);
    }
    lanes.add(message);
    taken++;
    if (lanes.waiting >= WAITING_MAX) {
      lanes.flush();
      await lanes.settled();
      progress(taken);
    }
  }
  lanes.flush();
  await lanes.settled();
  progress(taken);
  return { reports: lanes.reports(), sent: taken, seconds: (performance.now() - started_ms) / 1_000 };
}

interface Lane {
  readonly report: FileReport;
  readonly sender: Sender;
  held: SimulatedMessage[];
  sent: number;
  /** Requests of one lane follow each other, so that a system's messages keep their order. */
  sending: Promise<void>;
}

class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #senderOf: (institution: string) => Sender;
  waiting = 0;

  constructor(senderOf: (institution: string) => Sender) {
    this.#senderOf = senderOf;
  }

  add(message: SimulatedMessage): void {
    const { institution, kind } = message;
    const key = `${institution} ${kind}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const report = emptyReport(institution, kind === "hl7v2" ? "HL7 v2" : "FHIR");
      lane = { report, sender: this.#senderOf(institution), held: [], sent: 0, sending: Promise.resolve() };
      this.#lanes.set(key, lane);
    }
    lane.held.push(message);
    this.waiting++;
    if (lane.held.length >= TOGETHER) this.#send(lane);
  }

  flush(): void {
    for (const lane of this.#lanes.values()) if (lane.held.length > 0) this.#send(lane);
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.sending));
  }

  reports(): readonly FileReport[] {
    return [...this.#lanes.values()].map((lane) => lane.report);
  }

  #send(lane: Lane): void {
    const { held, report, sender } = lane;
    lane.held = [];
    const first = lane.sent + 1;
    lane.sent += held.length;
    const isHl7 = held[0]?.kind === "hl7v2";
    const bytes = joined(held);
    lane.sending = lane.sending.then(async () => {
      addTold(report, await (isHl7 ? sender.messages({ bytes, first }) : sender.lines({ bytes, first })));
      this.waiting -= held.length;
    });
    // It is awaited by settled(); until then a failure of it is nobody's.
    lane.sending.catch(() => undefined);
  }
}

const NEWLINE = Buffer.from("\n");

/** One message a line (FHIR), or an empty line between messages (HL7 v2, whose segments end in CR). */
export function joined(messages: readonly SimulatedMessage[]): Uint8Array {
  return Buffer.concat(messages.flatMap(({ bytes }) => [bytes, NEWLINE]));
}
