/** What a listener counts, by institution; read by its metrics. Plain numbers, since they change with every message. */

/** Why a connection was not taken: too many are open, its certificate names no institution, TLS failed. */
export type ConnectionRefusal = "limit" | "certificate" | "tls";

/** Tallies of one kind, made as institutions appear. */
export class Tallies<T> {
  readonly #make: () => T;
  readonly #tallies = new Map<string, T>();
  readonly connectionsRefused: Record<ConnectionRefusal, number> = { limit: 0, certificate: 0, tls: 0 };

  constructor(make: () => T) {
    this.#make = make;
  }

  /** The tally of an institution; it changes as its connections go on. */
  of(institution: string): T {
    const known = this.#tallies.get(institution);
    if (known !== undefined) return known;
    const tally = this.#make();
    this.#tallies.set(institution, tally);
    return tally;
  }

  all(): Iterable<readonly [institution: string, T]> {
    return this.#tallies;
  }
}
