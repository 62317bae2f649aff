/** What the syslog listener counts, by institution; read by its metrics. */
import { Tallies as TalliesOf } from "../listener/tallies.ts";
import type { FramingFault } from "./framer.ts";

export const MESSAGE_REFUSALS = ["unframed", "too-large", "too-slow", "cut", "reset", "busy", "failed"] as const;
/**
 * Why bytes were not read as a message, and the connection closed: no length was found, it is over the limit, the message
 * did not end in time or before its connection, the peer reset the connection, too many bytes are held, storage took
 * nothing for too long.
 */
export type MessageRefusal = FramingFault | "too-slow" | "cut" | "reset" | "busy" | "failed";

/** Counts of one institution's connections. */
export interface Tally {
  connections: number;
  receivedBytes: number;
  messagesTaken: number;
  /** Read, but no audit message, or one that cannot be an event. */
  messagesRefused: number;
  readonly closed: Record<MessageRefusal, number>;
}

export type Tallies = TalliesOf<Tally>;

export function newTallies(): Tallies {
  return new TalliesOf(() => ({
    connections: 0,
    receivedBytes: 0,
    messagesTaken: 0,
    messagesRefused: 0,
    closed: { unframed: 0, "too-large": 0, "too-slow": 0, cut: 0, reset: 0, busy: 0, failed: 0 },
  }));
}
