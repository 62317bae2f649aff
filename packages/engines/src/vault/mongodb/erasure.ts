/** Erasing a subject for one institution. */
import type { ClientSession, Db } from "mongodb";
import { TRANSACTION } from "../../mongodb/client.ts";
import { type Collections, dataKeyId, META } from "./schema.ts";

/** Deletes what one institution keeps of a subject; resolves with how many entries went, and the erasure's number. */
export function eraseSubject(
  db: Db,
  at: Collections,
  institution: string,
  token: string,
): Promise<{ readonly gone: number; readonly erasures: number }> {
  const erase = async (session: ClientSession): Promise<{ gone: number; erasures: number }> => {
    // First: two erasures at once take turns, and have numbers of their own.
    const counted = { session, returnDocument: "after" } as const;
    const meta = await at.meta.findOneAndUpdate({ _id: META }, { $inc: { erasures: 1 } }, counted);
    const key = await at.dataKeys.deleteOne({ _id: dataKeyId(institution, token) }, { session });
    const entries = await dropEntries(at, institution, token, session);
    return { gone: key.deletedCount + entries, erasures: meta?.erasures ?? 0 };
  };
  return db.client.withSession((session) => session.withTransaction(erase, TRANSACTION));
}

async function dropEntries(
  { identifiers }: Collections,
  institution: string,
  token: string,
  session: ClientSession,
): Promise<number> {
  const entry = { institution, token };
  const having = { "entries.token": token, entries: { $elemMatch: entry } };
  const found = await identifiers.find(having, { session }).toArray();
  const alone = found.filter(({ entries }) => entries.length === 1).map(({ _id }) => _id);
  const others = found.filter(({ entries }) => entries.length > 1).map(({ _id }) => _id);
  if (alone.length > 0) await identifiers.deleteMany({ _id: { $in: alone } }, { session });
  if (others.length > 0)
    await identifiers.updateMany({ _id: { $in: others } }, { $pull: { entries: entry } }, { session });
  return found.length;
}
