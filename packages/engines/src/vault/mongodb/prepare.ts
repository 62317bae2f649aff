/** The vault's collections, made where there are none. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Db } from "mongodb";
import { BY_END, BY_PLACE, BY_SEEN, BY_TOKEN, collectionsOf, META, SCHEMA_VERSION } from "./schema.ts";

const NAMESPACE_EXISTS = 48;

/** @throws MedtraceError CONFIGURATION where they are of another schema; MongoDB's errors as they are. */
export async function prepare(db: Db): Promise<void> {
  const { identifiers, dataKeys, receipts, watermarks, instances, meta } = collectionsOf(db);
  await meta.updateOne({ _id: META }, { $setOnInsert: { schema: SCHEMA_VERSION, erasures: 0 } }, { upsert: true });
  const schema = (await meta.findOne({ _id: META }))?.schema;
  if (schema !== SCHEMA_VERSION) {
    throw new MedtraceError("CONFIGURATION", `the vault is of schema ${schema}, not ${SCHEMA_VERSION}`, {
      at: "VAULT_URL",
      hint: "use the version of medtrace that made it",
    });
  }
  for (const collection of [identifiers, dataKeys, receipts, watermarks, instances]) {
    await db.createCollection(collection.collectionName).catch((error: { code?: unknown }) => {
      if (error.code !== NAMESPACE_EXISTS) throw error;
    });
  }
  await identifiers.createIndexes([{ ...BY_TOKEN }]);
  await receipts.createIndexes([{ ...BY_PLACE }]);
  await instances.createIndexes([{ ...BY_END }, { ...BY_SEEN }]);
}
