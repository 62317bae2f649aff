import { vaultContract } from "@medtrace/shared/ports/vault.contract";
import { BSON, MongoClient } from "mongodb";
import { temporaryDatabase } from "../../testing/mongodb.ts";
import { realEngine } from "../../testing/real-engines.ts";
import { openVault } from "../open.ts";

const server = realEngine("vault");
if (server !== undefined) {
  vaultContract("MongoDB", {
    module: new URL("../open.ts", import.meta.url),
    async create() {
      const { url, drop } = temporaryDatabase(server);
      return {
        url,
        open: (keys) => openVault(url, keys),
        bytesAtRest: () => documentsOf(url),
        [Symbol.asyncDispose]: drop,
      };
    },
  });
}

/** Every document of the database. What the server's journal and oplog still hold of the past is the server's to forget. */
async function documentsOf(url: string): Promise<Buffer> {
  await using client = new MongoClient(url);
  const found: Uint8Array[] = [];
  for (const collection of await client.db().collections()) {
    for await (const document of collection.find()) found.push(BSON.serialize(document));
  }
  return Buffer.concat(found);
}
