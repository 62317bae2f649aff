/** Databases of a test's own on the MongoDB that a URL names. */
import { randomUUID } from "node:crypto";
import { MongoClient } from "mongodb";

export interface TemporaryDatabase {
  readonly url: string;
  /** Removes it. */
  drop(): Promise<void>;
}

/** A database that nobody else uses; it is made by whoever writes into it first. */
export function temporaryDatabase(server: string): TemporaryDatabase {
  const name = `medtrace_test_${randomUUID().replaceAll("-", "")}`;
  const url = server.replace(/^(mongodb:\/\/[^/]+)\/[^?]*/, `$1/${name}`);
  return {
    url,
    async drop() {
      await using client = new MongoClient(url);
      await client.db(name).dropDatabase();
    },
  };
}
