/** What the content of the MongoDB projection shows. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Projection } from "@medtrace/shared/ports/projection";
import { blockOf, busyBlock, refutedBatch } from "@medtrace/shared/ports/projection.fixtures";
import { type Collection, type Db, type Document, MongoClient } from "mongodb";
import { temporaryDatabase } from "../../testing/mongodb.ts";
import { realEngine } from "../../testing/real-engines.ts";
import { openProjection } from "../open.ts";

const COLLECTIONS = ["events_0", "batches_0", "trees_0", "joins_0", "incidents_0", "state"];
const server = realEngine("projection");
if (server !== undefined) {
  describe("MongoDB projection: content", () => {
    it("is line for line what the embedded projection has after the same blocks", async () => {
      const folder = await mkdtemp(join(tmpdir(), "medtrace-projection-"));
      const storage = temporaryDatabase(server);
      try {
        await using projection = await openProjection(storage.url);
        await using embedded = await openProjection(`embedded:${folder}`);
        await feed(projection);
        await feed(embedded);
        assert.deepEqual(await contentOf(projection), await contentOf(embedded));
      } finally {
        await rm(folder, { recursive: true, force: true });
        await storage.drop();
      }
    });

    it("shows every member of every document that was changed", async () => {
      let edits = 0;
      await withEdits(server, async (db, sound, contentNow) => {
        for (const name of COLLECTIONS) {
          const collection = db.collection(name);
          // With as many of the members that not every document has.
          const rare = name === "events_0" ? ["joins", "recipients", "sources"] : ["_id"];
          const kept = await Promise.all(rare.map((member) => collection.findOne({ [member]: { $exists: true } })));
          for (const document of kept) {
            assert.ok(document);
            for (const [path, value] of membersOf(document)) {
              await collection.updateOne({ _id: document._id }, { $set: { [path]: changed(value) } });
              assert.ok((await contentNow()) !== sound, `${name} ${path}`);
              await collection.replaceOne({ _id: document._id }, document);
              edits += 1;
            }
            if (name === "trees_0") continue;
            await collection.updateOne({ _id: document._id }, { $set: { more: 1 } });
            assert.ok((await contentNow()) !== sound, `${name} with another member`);
            await collection.replaceOne({ _id: document._id }, document);
          }
        }
        assert.ok((await contentNow()) === sound);
      });
      assert.ok(edits > 50, `${edits} edits`);
    });

    it("shows a document that was taken away, or put in", async () => {
      await withEdits(server, async (db, sound, contentNow) => {
        for (const name of COLLECTIONS) {
          const collection = db.collection(name);
          for (const way of [1, -1] as const) {
            const [document] = await collection.find().sort({ _id: way }).limit(1).toArray();
            assert.ok(document);
            await collection.deleteOne({ _id: document._id });
            assert.ok((await contentNow()) !== sound, `${name} without its first or last`);
            await collection.insertOne(document);
            if (name === "state") continue;
            await putIn(collection, document, async (what) => {
              if (name !== "trees_0") assert.ok((await contentNow()) !== sound, `${name} with ${what}`);
            });
          }
        }
        assert.ok((await contentNow()) === sound);
      });
    });

    it("shows an index that is missing, or another", async () => {
      await withEdits(server, async (db, sound, contentNow) => {
        await db.collection("events_0").dropIndex("prefix");
        assert.match(await contentNow(), /indexes of events/);
        await db.collection("events_0").createIndex({ prefix: 1 }, { name: "prefix", sparse: true });
        assert.match(await contentNow(), /indexes of events/);
        await db.collection("events_0").dropIndex("prefix");
        await db.collection("events_0").createIndex({ prefix: 1 }, { name: "prefix" });
        assert.ok((await contentNow()) === sound);
      });
    });
  });
}

async function feed(projection: Projection): Promise<void> {
  for (const number of [0, 1, 2]) await projection.apply(busyBlock(number));
  await projection.apply(blockOf(3, refutedBatch("log-0", 3, "not the ledger's root")));
}

async function contentOf(projection: Projection): Promise<string> {
  const lines: string[] = [];
  for await (const line of projection.content()) lines.push(line);
  return lines.join("\n");
}

/** Runs edits of a sound projection's database, beside the projection that shows them. */
async function withEdits(
  url: string,
  edit: (db: Db, sound: string, contentNow: () => Promise<string>) => Promise<void>,
): Promise<void> {
  const storage = temporaryDatabase(url);
  try {
    await using client = new MongoClient(storage.url);
    await using projection = await openProjection(storage.url);
    await feed(projection);
    const contentNow = async (): Promise<string> => {
      try {
        return await contentOf(projection);
      } catch (error) {
        assert.ok(hasCode(error, "INTEGRITY"), String(error));
        return error.message;
      }
    };
    await edit(client.db(), await contentNow(), contentNow);
  } finally {
    await storage.drop();
  }
}

/** Every member that is no document itself, by its path; those that say how the state itself came about are not content. */
function membersOf(document: Document, path = ""): [string, unknown][] {
  return Object.entries(document).flatMap(([name, value]): [string, unknown][] => {
    if (["_id", "schema", "generation", "term", "session"].includes(name)) return [];
    const nested = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    return nested ? membersOf(value, `${path}${name}.`) : [[`${path}${name}`, value]];
  });
}

function changed(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return `${value}x`;
  if (value instanceof Date) return new Date(value.getTime() + 1);
  if (Array.isArray(value)) return [...value, value[0]];
  return Buffer.from("00", "hex");
}

/** Puts a copy of a document in under keys before, between, after and beside those there are; takes it away again. */
async function putIn(
  collection: Collection,
  document: Document,
  check: (what: string) => Promise<void>,
): Promise<void> {
  const ids = typeof document["_id"] === "number" ? [-1, 0.5, 1_000_000, "x"] : ["!", "x"];
  for (const _id of ids) {
    const copy = { ...document, _id } as Document;
    if (copy["other"] !== undefined) copy["other"] += "x";
    if (copy["batch"]?.["sequence"] !== undefined && copy["block"] !== undefined) copy["block"] = _id === "x" ? 9 : 0;
    await collection.insertOne(copy);
    await check(JSON.stringify(_id));
    await collection.deleteOne({ _id: copy["_id"] });
  }
}
