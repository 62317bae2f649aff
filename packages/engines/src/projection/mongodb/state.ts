/** The state document, the collections and indexes of a generation, and starting again with the next. */
import { MedtraceError } from "@medtrace/shared/errors";
import { type ClientSession, type Db, type Filter, type UpdateFilter, UUID } from "mongodb";
import { TRANSACTION } from "../../mongodb/client.ts";
import { isDuplicateKey } from "../../mongodb/errors.ts";
import {
  type Collections,
  collectionsOf,
  generationOf,
  INDEXES,
  SCHEMA_VERSION,
  STATE,
  type StateDocument,
  stateOf,
} from "./schema.ts";

const NAMESPACE_EXISTS = 48;

const NOTHING: Omit<StateDocument, "_id" | "generation" | "term" | "session"> = {
  schema: SCHEMA_VERSION,
  block: -1,
  hash: "",
  events: 0,
  batches: 0,
  leaves: 0,
  duplicates: 0,
  incidents: 0,
  producers: [],
};

/**
 * Makes state and collections where there are none, and takes away what earlier generations left.
 *
 * @throws MedtraceError CONFIGURATION where they are of another schema; MongoDB's errors as they are.
 */
export async function prepare(db: Db): Promise<void> {
  const state = (await stateOf(db).findOne({ _id: STATE })) ?? (await begin(db));
  if (state.schema !== SCHEMA_VERSION) {
    throw new MedtraceError("CONFIGURATION", `the projection is of schema ${state.schema}, not ${SCHEMA_VERSION}`, {
      at: "PROJECTION_URL",
      hint: "drop this database, or name another; it is filled anew from event log and ledger",
    });
  }
  await makeCollections(db, state.generation);
  await dropBefore(db, state.generation);
}

async function begin(db: Db): Promise<StateDocument> {
  await makeCollections(db, 0);
  try {
    await stateOf(db).insertOne({ _id: STATE, ...NOTHING, generation: 0, term: 0, session: "" });
  } catch (error) {
    // Another opened it at the same time.
    if (!isDuplicateKey(error)) throw error;
  }
  return readState(db);
}

/** @throws MedtraceError INTEGRITY where it was taken away. */
export async function readState(db: Db, session?: ClientSession): Promise<StateDocument> {
  const state = await stateOf(db).findOne({ _id: STATE }, session === undefined ? {} : { session });
  if (state !== null) return state;
  throw new MedtraceError("INTEGRITY", "the projection's state is gone", { hint: "restart the service, then rebuild" });
}

/**
 * Ends what the session that applied last may have left open. The server keeps the transaction of a client that died for a
 * minute, and whoever changes the state too waits for it.
 */
export async function interruptApplier(db: Db, { session }: StateDocument): Promise<void> {
  if (session === "") return;
  await db.command({ killSessions: [{ id: new UUID(session) }] });
}

/**
 * Changes the state and what it speaks of in one transaction, where the state is still as it was: whoever planned upon
 * another one, be it long ago, does nothing.
 *
 * @param work may run again, after what it did was undone.
 * @returns false where the state is another.
 */
export function changeState(
  db: Db,
  session: ClientSession,
  { before, change }: StateChange,
  work: () => Promise<void>,
): Promise<boolean> {
  const changeBoth = async (): Promise<boolean> => {
    // First, so that where another changes it too, one of both gives up before it did much.
    const { matchedCount } = await stateOf(db).updateOne(before, change, { session });
    if (matchedCount > 0) await work();
    return matchedCount > 0;
  };
  return session.withTransaction(changeBoth, TRANSACTION);
}

export interface StateChange {
  readonly before: Filter<StateDocument>;
  readonly change: UpdateFilter<StateDocument>;
}

/**
 * Starts with nothing, in one step: the collections of the next generation count, and those before are dropped. Whoever
 * is in the middle of applying a block finds another generation, and applies nothing.
 */
export async function reset(db: Db): Promise<void> {
  const state = await readState(db);
  const { generation } = state;
  await interruptApplier(db, state);
  await makeCollections(db, generation + 1);
  const next = { $set: { ...NOTHING, generation: generation + 1 }, $unset: { staged: "" } } as const;
  const { matchedCount } = await stateOf(db).updateOne({ _id: STATE, generation }, next);
  // Not matched: another reset it meanwhile.
  if (matchedCount > 0) await dropBefore(db, generation + 1);
}

async function makeCollections(db: Db, generation: number): Promise<void> {
  const collections = collectionsOf(db, generation);
  for (const name of Object.keys(INDEXES) as (keyof Collections)[]) {
    const { collectionName } = collections[name];
    await db.createCollection(collectionName).catch((error: { code?: unknown }) => {
      if (error.code !== NAMESPACE_EXISTS) throw error;
    });
    const indexes = INDEXES[name].map((index) => ({ ...index }));
    if (indexes.length > 0) await collections[name].createIndexes(indexes);
  }
}

async function dropBefore(db: Db, generation: number): Promise<void> {
  for await (const { name } of db.listCollections({}, { nameOnly: true })) {
    if ((generationOf(name) ?? generation) < generation) await db.dropCollection(name);
  }
}
