/** Erasing a subject for one institution. */
import { type Collections, dataKeyId, type Entry, META } from "./schema.ts";

/**
 * Deletes what one institution keeps of a subject; resolves with how many entries went, and the erasure's number. The number
 * is given once all of it is gone, so that who knows of it reads nothing of it; cut short in the middle, it is asked for
 * again.
 */
export async function eraseSubject(
  { dataKeys, identifiers, meta }: Collections,
  institution: string,
  token: string,
): Promise<{ readonly gone: number; readonly erasures: number }> {
  const key = await dataKeys.deleteOne({ _id: dataKeyId(institution, token) });
  let gone = key.deletedCount;
  for (let some = 1; some > 0; gone += some) some = await dropEntries(identifiers, { institution, token });
  const counted = await meta.findOneAndUpdate({ _id: META }, { $inc: { erasures: 1 } }, { returnDocument: "after" });
  return { gone, erasures: counted?.erasures ?? 0 };
}

/**
 * Resolves with how many it dropped. A document that others share loses the entry, else all of it goes; one that changes from
 * this to that meanwhile is left for the next turn, so that none stays without an entry.
 */
async function dropEntries(identifiers: Collections["identifiers"], entry: Entry): Promise<number> {
  // By the index, then the very entry: another institution may mean the same subject by the same identifier.
  const having = { "entries.token": entry.token, entries: { $elemMatch: entry } };
  const whole = await identifiers.deleteMany({ ...having, "entries.1": { $exists: false } });
  const parts = await identifiers.updateMany(
    { ...having, "entries.1": { $exists: true } },
    { $pull: { entries: entry } },
  );
  return whole.deletedCount + parts.modifiedCount;
}
