/** Applying blocks: everything of one block, and the checkpoint, in one transaction. */
import { randomUUID } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import type { BlockUpdate } from "@medtrace/shared/ports/projection";
import type { ClientSession, Db, Filter } from "mongodb";
import { newJoins, refuseKnownBatches, storedEvents } from "./known.ts";
import { planBlock } from "./plan.ts";
import { insertRows, piecesOf, type Work } from "./rows.ts";
import { type Collections, collectionsOf, STATE, type StateDocument, stateOf } from "./schema.ts";
import { dropStaged } from "./staged.ts";
import { changeState, interruptApplier, readState } from "./state.ts";

export class Writer implements AsyncDisposable {
  readonly #db: Db;
  /** Only while this term, or none higher, holds the lease may it apply; undefined: whoever comes first. */
  readonly #term: number | undefined;
  /** One for all blocks, so that whoever comes next knows whose transaction to end. */
  readonly #session: ClientSession;
  readonly #sessionId: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Db, term: number | undefined) {
    this.#db = db;
    this.#term = term;
    this.#session = db.client.startSession();
    this.#sessionId = Buffer.from(this.#session.id?.id.buffer ?? []).toString("hex");
  }

  /**
   * Applies one block, or nothing of it.
   *
   * @throws MedtraceError as Projection.apply does, LOCKED where another projector has taken over; MongoDB's errors as
   * they are.
   */
  apply(update: BlockUpdate): Promise<void> {
    // One after the other: a session has one transaction at a time.
    const applied = this.#last.catch(() => undefined).then(() => this.#apply(update));
    this.#last = applied;
    return applied;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#session.endSession();
  }

  async #apply(update: BlockUpdate): Promise<void> {
    for (;;) {
      const state = await readState(this.#db);
      this.#refuseIfReplaced(state);
      if (update.number <= state.block) return;
      if (update.number !== state.block + 1) throw outOfOrder(update.number, state.block);
      if (state.session !== this.#sessionId) {
        await interruptApplier(this.#db, state);
        const { generation, session, term } = state;
        const before = { _id: STATE, generation, session, term } as const;
        await stateOf(this.#db).updateOne(before, { $set: { session: this.#sessionId } });
      } else if (state.staged === undefined) {
        const at = collectionsOf(this.#db, state.generation);
        const [stored] = await Promise.all([storedEvents(at, update, state), refuseKnownBatches(at, update)]);
        const plan = planBlock(update, state, stored);
        if (await this.#write(at, { update, plan, joins: await newJoins(at, plan) }, state)) return;
      } else await dropStaged(this.#db, this.#session, state, state.staged);
      // Another applied, staged or reset meanwhile: look again at what is there.
    }
  }

  #refuseIfReplaced(state: StateDocument): void {
    if (this.#term === undefined || state.term <= this.#term) return;
    throw new MedtraceError("LOCKED", "another projector has taken over this projection", {
      hint: "it is followed from its checkpoint as soon as the other one leaves",
    });
  }

  /**
   * One transaction, where the block is not too large for one. Else the pieces before the last stand beyond what the state
   * counts, where nobody reads, until the last one's transaction counts them all.
   *
   * @returns false where the state is no longer the one that was planned upon.
   */
  async #write(at: Collections, work: Work, { generation, block, term, session }: StateDocument): Promise<boolean> {
    const counted = { ...work.plan.state, ...(this.#term === undefined ? {} : { term: this.#term }) };
    const by = randomUUID();
    const pieces = piecesOf(work);
    for (const [done, piece] of pieces.entries()) {
      const staged = done === 0 ? { $exists: false } : { by, pieces: done };
      const before: Filter<StateDocument> = { _id: STATE, generation, block, term, session, staged };
      const last = done + 1 === pieces.length;
      const change = last
        ? { $set: counted, $unset: { staged: "" as const } }
        : { $set: { staged: { by, pieces: done + 1 } } };
      const insert = (): Promise<void> => insertRows(at, piece, this.#session);
      if (!(await changeState(this.#db, this.#session, { before, change }, insert))) return false;
    }
    return true;
  }
}

function outOfOrder(block: number, last: number): MedtraceError {
  return new MedtraceError("INTEGRITY", `block ${block} cannot follow block ${last}`, {
    hint: "apply every block of the ledger in order, or rebuild the projection",
  });
}
