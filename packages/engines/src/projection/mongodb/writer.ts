/** Applying blocks: everything of one block, and the checkpoint, in one transaction. */
import { MedtraceError } from "@medtrace/shared/errors";
import { batchId } from "@medtrace/shared/model/batch";
import type { BlockUpdate } from "@medtrace/shared/ports/projection";
import type { ClientSession, Db, Filter } from "mongodb";
import { EventDocuments, treeDocuments } from "./documents.ts";
import { newJoins, refuseKnownBatches, storedEvents } from "./known.ts";
import { type Plan, planBlock } from "./plan.ts";
import { type Collections, collectionsOf, type JoinDocument, STATE, type StateDocument, stateOf } from "./schema.ts";
import { slices } from "./slices.ts";
import { readState } from "./state.ts";

/** Documents of one command: a block's are not all made at once. */
const SLICE = 1_000;
const COMMIT_MS_MAX = 30_000;

interface Work {
  readonly update: BlockUpdate;
  readonly plan: Plan;
  readonly joins: readonly JoinDocument[];
}

export class Writer {
  readonly #db: Db;
  /** Only while this term, or none higher, holds the lease may it apply; undefined: whoever comes first. */
  readonly #term: number | undefined;
  readonly #documents = new EventDocuments();

  constructor(db: Db, term: number | undefined) {
    this.#db = db;
    this.#term = term;
  }

  /**
   * Applies one block, or nothing of it.
   *
   * @throws MedtraceError as Projection.apply does, LOCKED where another projector has taken over; MongoDB's errors as
   * they are.
   */
  async apply(update: BlockUpdate): Promise<void> {
    for (;;) {
      const state = await readState(this.#db);
      this.#refuseIfReplaced(state);
      if (update.number <= state.block) return;
      if (update.number !== state.block + 1) throw outOfOrder(update.number, state.block);
      const at = collectionsOf(this.#db, state.generation);
      const plan = planBlock(update, state, await storedEvents(at, update));
      await refuseKnownBatches(at, plan);
      const joins = await newJoins(at, plan);
      if (await this.#write(at, { update, plan, joins }, state)) return;
      // Another applied or reset meanwhile: look again at what is there.
    }
  }

  #refuseIfReplaced(state: StateDocument): void {
    if (this.#term === undefined || state.term <= this.#term) return;
    throw new MedtraceError("LOCKED", "another projector has taken over this projection", {
      hint: "it is followed from its checkpoint as soon as the other one leaves",
    });
  }

  /** False where the state is no longer the one that was planned upon. */
  async #write(at: Collections, work: Work, { generation, block, term }: StateDocument): Promise<boolean> {
    const set = { ...work.plan.state, ...(this.#term === undefined ? {} : { term: this.#term }) };
    const before: Filter<StateDocument> = { _id: STATE, generation, block, term };
    const inTransaction = async (session: ClientSession): Promise<boolean> => {
      const { matchedCount } = await stateOf(this.#db).updateOne(before, { $set: set }, { session });
      if (matchedCount > 0) await this.#insert(at, work, session);
      return matchedCount > 0;
    };
    return this.#db.client.withSession((session) =>
      session.withTransaction(inTransaction, {
        readConcern: { level: "snapshot" },
        writeConcern: { w: "majority", journal: true },
        maxCommitTimeMS: COMMIT_MS_MAX,
      }),
    );
  }

  async #insert(at: Collections, { update, plan, joins }: Work, session: ClientSession): Promise<void> {
    const unordered = { ordered: false, session };
    for (const slice of slices(plan.events, SLICE)) {
      const documents = slice.map(({ event, seq, batch }) => this.#documents.make(event, seq, batch));
      await at.events.insertMany(documents, unordered);
    }
    for (const slice of slices(plan.batches, SLICE)) await at.batches.insertMany([...slice], unordered);
    for (const { owner, batch, tree } of update.batches) {
      const parts = treeDocuments(batchId({ owner, stream: batch.stream, sequence: batch.sequence }), tree);
      for (const part of parts) await at.trees.insertOne(part, { session });
    }
    for (const slice of slices(joins, SLICE)) await at.joins.insertMany([...slice], unordered);
    for (const slice of slices(plan.incidents, SLICE)) await at.incidents.insertMany([...slice], unordered);
  }
}

function outOfOrder(block: number, last: number): MedtraceError {
  return new MedtraceError("INTEGRITY", `block ${block} cannot follow block ${last}`, {
    hint: "apply every block of the ledger in order, or rebuild the projection",
  });
}
