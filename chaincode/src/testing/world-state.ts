/** A model world state: transactions one after another, applied whole or not at all. */
import type { BatchAnchored, QueryContext, StateEntry, SubmitContext } from "../context.ts";

export class WorldState implements QueryContext {
  readonly entries: Map<string, Uint8Array> = new Map();
  readonly events: BatchAnchored[] = [];
  #transactions = 0;

  async getState(key: string): Promise<Uint8Array | undefined> {
    return this.entries.get(key);
  }

  async *list(prefix: string): AsyncIterable<StateEntry> {
    for (const key of [...this.entries.keys()].sort()) {
      if (key.startsWith(prefix)) yield { key, value: this.entries.get(key) as Uint8Array };
    }
  }

  /** Runs one transaction of a submitter; nothing of it stays where it throws. */
  async submit<T>(submitter: string, run: (context: SubmitContext) => Promise<T>): Promise<T> {
    const written = new Map<string, Uint8Array>();
    const emitted: BatchAnchored[] = [];
    const result = await run({
      submitter,
      transaction: (this.#transactions++).toString(16).padStart(64, "0"),
      getState: async (key) => this.entries.get(key),
      putState: async (key, value) => {
        written.set(key, value);
      },
      emit: (event) => {
        emitted.push(event);
      },
    });
    for (const [key, value] of written) this.entries.set(key, value);
    this.events.push(...emitted);
    return result;
  }
}
