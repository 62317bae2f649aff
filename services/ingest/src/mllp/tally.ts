/** What the listener counts, by institution; read by its metrics. Plain numbers, since they change with every frame. */
import { Tallies as TalliesOf } from "../listener/tallies.ts";
export const FRAME_REFUSALS = ["busy", "too-large", "too-slow", "unframed", "abandoned", "failed"] as const;
/**
 * Why a frame was not taken: too many bytes are held, it is over the limit, it did not end in time, there was text and
 * no frame, its sender opened another inside it, or taking it failed.
 */
export type FrameRefusal = (typeof FRAME_REFUSALS)[number];

/** HL7 table 0008; `other` for what is none of them, `none` where no answer was wanted. */
export const ACK_CODES = ["AA", "AE", "AR", "CA", "CE", "CR", "other", "none"] as const;
export type AckCode = (typeof ACK_CODES)[number];

/** Counts of one institution's connections. */
export interface Tally {
  connections: number;
  receivedBytes: number;
  sentBytes: number;
  framesTaken: number;
  readonly framesRefused: Record<FrameRefusal, number>;
  readonly answers: Record<AckCode, number>;
}

export type Tallies = TalliesOf<Tally>;

export function newTallies(): Tallies {
  return new TalliesOf(() => ({
    connections: 0,
    receivedBytes: 0,
    sentBytes: 0,
    framesTaken: 0,
    framesRefused: { busy: 0, "too-large": 0, "too-slow": 0, unframed: 0, abandoned: 0, failed: 0 },
    answers: { AA: 0, AE: 0, AR: 0, CA: 0, CE: 0, CR: 0, other: 0, none: 0 },
  }));
}

const MSA = Buffer.from("\rMSA", "latin1");
const KNOWN: ReadonlySet<string> = new Set(ACK_CODES.slice(0, 6));

/** Counts the acknowledgment codes (MSA-1) of an answer, of which a batch has many. */
export function countAnswer({ answers }: Tally, answer: Uint8Array | undefined): void {
  if (answer === undefined) {
    answers.none++;
    return;
  }
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  for (let at = bytes.indexOf(MSA); at >= 0; at = bytes.indexOf(MSA, at + MSA.length)) {
    // After the segment's name comes the field separator, then the code.
    const code = bytes.toString("latin1", at + MSA.length + 1, at + MSA.length + 3);
    answers[KNOWN.has(code) ? (code as AckCode) : "other"]++;
  }
}
