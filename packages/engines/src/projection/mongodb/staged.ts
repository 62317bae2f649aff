/** Taking away what a block left beyond the state that was not applied to its end: its process died, or lost the lease. */
import { randomUUID } from "node:crypto";
import type { ClientSession, Collection, Db, Document, Filter } from "mongodb";
import { treePartIds } from "./documents.ts";
import { type Collections, collectionsOf, STATE, type Staged, type StateDocument } from "./schema.ts";
import { changeState } from "./state.ts";

/** Documents of one transaction. */
const SLICE = 2_000;

/**
 * Takes it away, in transactions that each find out first whether it is still theirs to do: whoever put it there, or was
 * taking it away before, goes no further.
 */
export async function dropStaged(db: Db, session: ClientSession, state: StateDocument, staged: Staged): Promise<void> {
  const at = collectionsOf(db, state.generation);
  const { generation, block } = state;
  const mine = { by: randomUUID(), pieces: 0 };
  let before: Staged = staged;
  const as = (expected: Staged): Filter<StateDocument> => ({ _id: STATE, generation, block, staged: expected });
  for (let dropped = 1; dropped > 0; ) {
    const next = { by: mine.by, pieces: mine.pieces++ };
    const dropSome = async (): Promise<void> => {
      dropped = await dropSlice(at, state, session);
    };
    const step = { before: as(before), change: { $set: { staged: next } } };
    if (!(await changeState(db, session, step, dropSome))) return;
    before = next;
  }
  await changeState(db, session, { before: as(before), change: { $unset: { staged: "" } } }, async () => {});
}

/** Drops some of it; 0 where nothing is left. */
async function dropSlice(at: Collections, state: StateDocument, session: ClientSession): Promise<number> {
  const beyond: readonly (readonly [keyof Collections, Document])[] = [
    ["events", { _id: { $gte: state.events } }],
    ["joins", { seq: { $gte: state.events } }],
    ["incidents", { _id: { $gte: state.incidents } }],
    ["batches", { block: { $gt: state.block } }],
  ];
  for (const [name, filter] of beyond) {
    const collection = at[name] as unknown as Collection<Document>;
    const found = await collection
      .find(filter, { session, projection: { treeLength: 1 } })
      .limit(SLICE)
      .toArray();
    if (found.length === 0) continue;
    const parts = found.flatMap(({ _id, treeLength }) => treePartIds(String(_id), treeLength ?? 0));
    if (parts.length > 0) await at.trees.deleteMany({ _id: { $in: parts } }, { session });
    await collection.deleteMany({ _id: { $in: found.map(({ _id }) => _id) } }, { session });
    return found.length;
  }
  return 0;
}
