/** Calls that arrive while a block is being made share the next one: durability costs per block, not per call. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Entry } from "@medtrace/chaincode/contract";
import { MedtraceError } from "@medtrace/shared/errors";
import type { Batch } from "@medtrace/shared/model/batch";
import type { Anchor } from "@medtrace/shared/ports/ledger";
import { asMedtraceError, inWriteTransaction } from "./database.ts";
import { Simulation } from "./simulation.ts";
import type { Store } from "./store.ts";

/** For calls that are about to come, such as other streams' whose anchors settled with this one's last. */
const GATHER_MS = 2;
const TRANSACTIONS_MAX = 256;
const WAITING_MAX = 10_000;
/** Each round that fails is one in which another process moved one of the same streams. */
const ROUNDS_MAX = 50;

interface Call {
  readonly batch: Batch;
  readonly resolve: (anchor: Anchor) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly call: Call } & ({ readonly entry: Entry } | { readonly error: unknown });

export class GroupCommit {
  readonly #store: Store;
  readonly #owner: string;
  readonly #onBlock: () => void;
  readonly #waiting: Call[] = [];
  #working: Promise<void> | undefined;

  /** @param onBlock called after every block that was written. */
  constructor(store: Store, owner: string, onBlock: () => void) {
    this.#store = store;
    this.#owner = owner;
    this.#onBlock = onBlock;
  }

  async anchor(batch: Batch): Promise<Anchor> {
    if (this.#waiting.length >= WAITING_MAX) {
      throw new MedtraceError("BUSY", `${WAITING_MAX} batches wait for the ledger already`, {
        hint: "try again later",
      });
    }
    return new Promise((resolve, reject) => {
      // A copy: the caller may do with its own what it likes.
      this.#waiting.push({ batch: { ...batch }, resolve, reject });
      this.#working ??= this.#work().finally(() => {
        this.#working = undefined;
      });
    });
  }

  /** Resolves when nothing is waiting any more. */
  async drained(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      await sleep(GATHER_MS);
      const calls = this.#waiting.splice(0, TRANSACTIONS_MAX);
      try {
        for (const outcome of await this.#commit(calls)) this.#settle(outcome);
      } catch (error) {
        for (const call of calls) call.reject(asMedtraceError(error));
      }
    }
  }

  async #commit(calls: readonly Call[]): Promise<Outcome[]> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const simulation = new Simulation((key) => this.#store.state(key));
      const outcomes: Outcome[] = [];
      for (const call of calls) outcomes.push(await attempt(call, simulation, this.#owner));
      if (simulation.transactions.length === 0) return outcomes;
      const written = await inWriteTransaction(this.#store.db, () => {
        if (!simulation.holds((key) => this.#store.state(key))) return false;
        this.#store.append(simulation.transactions, simulation.writes);
        return true;
      });
      if (written) {
        this.#onBlock();
        return outcomes;
      }
    }
    throw new MedtraceError("LEDGER_CONFLICT", `other writers moved these streams ${ROUNDS_MAX} times meanwhile`, {
      hint: "read the head again; one writer per stream is enough",
    });
  }

  #settle(outcome: Outcome): void {
    const { call } = outcome;
    if ("error" in outcome) {
      call.reject(asMedtraceError(outcome.error));
      return;
    }
    const { batch, transaction } = outcome.entry;
    const block = this.#store.blockOf(transaction);
    if (block === undefined) {
      call.reject(
        new MedtraceError("INTEGRITY", "an anchored batch's transaction is in no block", { at: transaction }),
      );
      return;
    }
    call.resolve({ owner: this.#owner, stream: batch.stream, sequence: batch.sequence, transaction, block });
  }
}

async function attempt(call: Call, simulation: Simulation, owner: string): Promise<Outcome> {
  try {
    return { call, entry: await simulation.anchor(owner, call.batch) };
  } catch (error) {
    return { call, error };
  }
}
