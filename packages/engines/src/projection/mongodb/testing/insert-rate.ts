/** What the driver inserts into the same MongoDB, with the same indexes: the limit of a projection on it. */
import { randomUUID } from "node:crypto";
import { MongoClient } from "mongodb";
import { collectionsOf, type EventDocument, INDEXES, type StateDocument, stateOf } from "../schema.ts";

const DOCUMENTS_A_CALL = 1_000;

/**
 * Documents a second that insertMany, unordered and journaled by a majority, puts into a collection with the indexes of
 * events: those that a projection has already, as they are.
 *
 * @param url the projection's; it must have events.
 * @param countMax how many of them are put.
 */
export async function insertRate(url: string, countMax: number): Promise<number> {
  await using client = new MongoClient(url, { writeConcern: { w: "majority", journal: true }, promoteBuffers: true });
  const db = client.db();
  const { generation } = (await stateOf(db).findOne({})) as StateDocument;
  const prepared = await collectionsOf(db, generation).events.find().limit(countMax).toArray();
  const copy = db.collection<EventDocument>(`limit-${randomUUID()}`);
  try {
    await copy.createIndexes([...INDEXES.events]);
    const start = performance.now();
    for (let at = 0; at < prepared.length; at += DOCUMENTS_A_CALL) {
      await copy.insertMany(prepared.slice(at, at + DOCUMENTS_A_CALL), { ordered: false });
    }
    return (prepared.length * 1_000) / (performance.now() - start);
  } finally {
    await copy.drop();
  }
}
