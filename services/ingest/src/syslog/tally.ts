/** What the syslog listener counts, by institution; read by its metrics. */
import type { FramingFault } from "./framer.ts";

export const MESSAGE_REFUSALS = ["unframed", "too-large", "too-slow", "cut", "reset", "busy", "failed"] as const;
/**
 * Why bytes were not read as a message, and the connection closed: no length was found, it is over the limit, the message
 * did not end in time or before its connection, the peer reset the connection, too many bytes are held, storage took
 * nothing for too long.
 */
export type MessageRefusal = FramingFault | "too-slow" | "cut" | "reset" | "busy" | "failed";

export const CONNECTION_REFUSALS = ["limit", "certificate", "tls"] as const;
/** Why a connection was not taken: too many are open, its certificate names no institution, TLS failed. */
export type ConnectionRefusal = (typeof CONNECTION_REFUSALS)[number];

/** Counts of one institution's connections. */
export interface Tally {
  connections: number;
  receivedBytes: number;
  messagesTaken: number;
  /** Read, but no audit message, or one that cannot be an event. */
  messagesRefused: number;
  readonly closed: Record<MessageRefusal, number>;
}

export class Tallies {
  readonly #tallies = new Map<string, Tally>();
  readonly connectionsRefused: Record<ConnectionRefusal, number> = { limit: 0, certificate: 0, tls: 0 };

  /** The tally of an institution; it changes as its connections go on. */
  of(institution: string): Tally {
    const known = this.#tallies.get(institution);
    if (known !== undefined) return known;
    const closed = { unframed: 0, "too-large": 0, "too-slow": 0, cut: 0, reset: 0, busy: 0, failed: 0 };
    const tally: Tally = { connections: 0, receivedBytes: 0, messagesTaken: 0, messagesRefused: 0, closed };
    this.#tallies.set(institution, tally);
    return tally;
  }

  all(): Iterable<readonly [institution: string, Tally]> {
    return this.#tallies;
  }
}
