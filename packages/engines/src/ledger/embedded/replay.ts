/** The world state that the blocks give, made again in a temporary database: it may be larger than memory. */
import { DatabaseSync } from "node:sqlite";
import type { Block, BlockTransaction } from "@medtrace/shared/model/block";
import { sameBytes } from "@medtrace/shared/model/bytes";
import { Simulation } from "./simulation.ts";
import type { Store } from "./store.ts";

/** Keys as bytes: a key is what is stored, not what it decodes to. */
const ENTRIES = "SELECT CAST(key AS BLOB) AS key, value FROM state ORDER BY state.key";

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export class Replay implements Disposable {
  readonly #db: DatabaseSync;
  #transactions = 0;

  constructor() {
    // The empty name is SQLite's for a private file that vanishes when it is closed.
    this.#db = new DatabaseSync("");
    this.#db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    this.#db.exec("CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID");
  }

  /** Runs a block's transactions, each of which must be taken, change something, and have its receipt. */
  async *blockFaults(store: Store, number: number, block: Block): AsyncGenerator<string> {
    const at = `block ${number}`;
    if (block.transactions.length === 0) yield `${at} has no transactions`;
    const read = this.#db.prepare("SELECT value FROM state WHERE key = ?");
    const simulation = new Simulation((key) => read.get(key)?.["value"] as Uint8Array | undefined);
    for (const [i, transaction] of block.transactions.entries()) {
      const fault = await transactionFault(simulation, transaction);
      if (fault !== undefined) yield `${at}, transaction ${i}: ${fault}`;
      else if (store.blockOf(transaction.id) !== number) yield `${at}, transaction ${i}: its receipt is not there`;
    }
    this.#transactions += block.transactions.length;
    const write = this.#db.prepare("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)");
    for (const [key, value] of simulation.writes) write.run(key, value);
  }

  /** What is stored beyond or unlike what the blocks gave. */
  *endFaults(store: Store): Generator<string> {
    const receipts = store.db.prepare("SELECT count(*) AS count FROM receipt").get()?.["count"];
    if (receipts !== this.#transactions) {
      yield `there are ${receipts} receipts, but ${this.#transactions} transactions in blocks`;
    }
    const stored = store.db.prepare(ENTRIES).iterate() as Iterator<unknown> as Iterator<Entry>;
    const replayed = this.#db.prepare(ENTRIES).iterate() as Iterator<unknown> as Iterator<Entry>;
    let [a, b] = [stored.next(), replayed.next()];
    while (!a.done || !b.done) {
      const order = a.done ? 1 : b.done ? -1 : Buffer.compare(a.value.key, b.value.key);
      if (order < 0 && !a.done) yield `world state ${name(a.value)} comes from no transaction`;
      if (order > 0 && !b.done) yield `world state ${name(b.value)} is not there`;
      if (order === 0 && !a.done && !b.done && !sameBytes(a.value.value, b.value.value)) {
        yield `world state ${name(a.value)} is not what its transactions give`;
      }
      if (order <= 0) a = stored.next();
      if (order >= 0) b = replayed.next();
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function name(entry: Entry): string {
  return JSON.stringify(Buffer.from(entry.key).toString("latin1").slice(0, 200));
}

async function transactionFault(simulation: Simulation, transaction: BlockTransaction): Promise<string | undefined> {
  const count = simulation.transactions.length;
  try {
    await simulation.anchor(transaction.owner, transaction.batch);
  } catch (error) {
    return `the rules refuse it: ${(error as Error).message}`;
  }
  const made = simulation.transactions[count];
  if (made === undefined) return "it changes nothing";
  return made.id === transaction.id ? undefined : "its id is not that of its batch";
}
