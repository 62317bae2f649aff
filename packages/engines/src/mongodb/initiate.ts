/**
 * Initiates a replica set of one member, unless it was before, and waits until it has a primary.
 * Transactions and change streams need a replica set. Usage: node initiate.ts HOST:PORT
 */
import { MongoClient, MongoServerError } from "mongodb";

const NAME = "rs0";
const ALREADY_INITIALIZED = 23;
const WAIT_MS_MAX = 30_000;

const host = process.argv[2] ?? "127.0.0.1:27017";
const client = new MongoClient(`mongodb://${host}/?directConnection=true`, { serverSelectionTimeoutMS: WAIT_MS_MAX });
try {
  const admin = client.db("admin");
  try {
    await admin.command({ replSetInitiate: { _id: NAME, members: [{ _id: 0, host }] } });
  } catch (error) {
    if (!(error instanceof MongoServerError && error.code === ALREADY_INITIALIZED)) throw error;
  }
  const deadline = Date.now() + WAIT_MS_MAX;
  while ((await admin.command({ hello: 1 }))["isWritablePrimary"] !== true) {
    if (Date.now() > deadline) throw new Error(`replica set ${NAME} at ${host} has no primary`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
} finally {
  await client.close();
}
