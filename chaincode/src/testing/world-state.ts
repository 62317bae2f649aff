/**
 * A model of a world state under Fabric's rules. A transaction is endorsed on what is committed, never on what it wrote
 * itself; it counts only if every key that it read has the version that it read; an id counts once.
 */
import type { BatchAnchored, QueryContext, StateEntry, SubmitContext } from "../context.ts";

export type Verdict = "valid" | "conflict" | "duplicate";

/** What endorsers sign: nothing of it is written yet. */
export interface Endorsed<T = unknown> {
  readonly transaction: string;
  readonly result: T;
  /** Version that each key had when it was read; undefined where it was never written. */
  readonly reads: ReadonlyMap<string, number | undefined>;
  readonly writes: ReadonlyMap<string, Uint8Array>;
  readonly events: readonly BatchAnchored[];
}

export class WorldState implements QueryContext {
  readonly entries: Map<string, Uint8Array> = new Map();
  readonly events: BatchAnchored[] = [];
  readonly #versions: Map<string, number> = new Map();
  readonly #ids: Set<string> = new Set();
  #transactions = 0;
  #commits = 0;

  async getState(key: string): Promise<Uint8Array | undefined> {
    return this.entries.get(key);
  }

  async *list(prefix: string): AsyncIterable<StateEntry> {
    for (const key of [...this.entries.keys()].sort()) {
      if (key.startsWith(prefix)) yield { key, value: this.entries.get(key) as Uint8Array };
    }
  }

  /** Runs a transaction of a submitter on what is committed; rejects as it does. */
  async endorse<T>(submitter: string, run: (context: SubmitContext) => Promise<T>): Promise<Endorsed<T>> {
    const transaction = (this.#transactions++).toString(16).padStart(64, "0");
    const reads = new Map<string, number | undefined>();
    const writes = new Map<string, Uint8Array>();
    const events: BatchAnchored[] = [];
    const result = await run({
      submitter,
      transaction,
      getState: async (key) => {
        reads.set(key, this.#versions.get(key));
        return this.entries.get(key);
      },
      putState: async (key, value) => {
        writes.set(key, value);
      },
      emit: (event) => {
        // Fabric keeps the last alone.
        events.splice(0, 1, event);
      },
    });
    return { transaction, result, reads, writes, events };
  }

  /** Takes an endorsed transaction in its turn: written whole, or not at all. */
  commit({ transaction, reads, writes, events }: Endorsed): Verdict {
    if (this.#ids.has(transaction)) return "duplicate";
    this.#ids.add(transaction);
    if (![...reads].every(([key, version]) => this.#versions.get(key) === version)) return "conflict";
    const version = this.#commits++;
    for (const [key, value] of writes) {
      this.entries.set(key, value);
      this.#versions.set(key, version);
    }
    this.events.push(...events);
    return "valid";
  }

  /** Runs one transaction and commits it at once; nothing of it stays where it throws. */
  async submit<T>(submitter: string, run: (context: SubmitContext) => Promise<T>): Promise<T> {
    const endorsed = await this.endorse(submitter, run);
    this.commit(endorsed);
    return endorsed.result;
  }
}
