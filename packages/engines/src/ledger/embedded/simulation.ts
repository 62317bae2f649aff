/**
 * Transactions tried out before they are written, each on the state that the one before leaves. What they read from
 * the world state is remembered: they hold as long as none of it was changed by someone else meanwhile.
 */
import type { BatchAnchored, SubmitContext } from "@medtrace/chaincode/context";
import { anchorBatch, type Entry } from "@medtrace/chaincode/contract";
import type { Batch } from "@medtrace/shared/model/batch";
import { type BlockTransaction, transactionId } from "@medtrace/shared/model/block";
import { sameBytes } from "@medtrace/shared/model/bytes";

type ReadState = (key: string) => Uint8Array | undefined;

export class Simulation {
  /** What to write: the transactions that changed something, and their world state. */
  readonly transactions: BlockTransaction[] = [];
  readonly writes: Map<string, Uint8Array> = new Map();
  readonly #reads: Map<string, Uint8Array | undefined> = new Map();
  readonly #base: ReadState;

  constructor(base: ReadState) {
    this.#base = base;
  }

  /** Runs the contract; nothing of the transaction stays where it throws. */
  async anchor(owner: string, batch: Batch): Promise<Entry> {
    const writes = new Map<string, Uint8Array>();
    const events: BatchAnchored[] = [];
    const transaction = transactionId(owner, batch);
    const context: SubmitContext = {
      submitter: owner,
      transaction,
      getState: async (key) => this.#read(key),
      putState: async (key, value) => {
        writes.set(key, value);
      },
      emit: (event) => {
        events.push(event);
      },
    };
    const entry = await anchorBatch(context, batch);
    for (const [key, value] of writes) this.writes.set(key, value);
    for (const event of events) this.transactions.push({ id: transaction, owner: event.owner, batch: event.batch });
    return entry;
  }

  #read(key: string): Uint8Array | undefined {
    const written = this.writes.get(key);
    if (written !== undefined) return written;
    if (!this.#reads.has(key)) this.#reads.set(key, this.#base(key));
    return this.#reads.get(key);
  }

  /** True where everything that was read is still so. */
  holds(state: ReadState): boolean {
    return [...this.#reads].every(([key, value]) => same(value, state(key)));
  }
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameBytes(a, b);
}
