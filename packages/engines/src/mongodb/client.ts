/** Connections to MongoDB, as every engine on it opens them. */
import { MedtraceError } from "@medtrace/shared/errors";
import { type Db, MongoClient, MongoServerSelectionError, type TransactionOptions } from "mongodb";
import { mongoError } from "./errors.ts";

const POOL_MAX = 32;
const SELECTION_MS_MAX = 10_000;
const CONNECT_MS_MAX = 10_000;
/** `mongodb://HOST[:PORT][,…]/DATABASE[?…]`; the database is not left to a default, as engines drop what they own. */
const WITH_DATABASE = /^mongodb:\/\/[^/]+\/[^/?]+(\?|$)/;

/** Of one state of the database, and done only once a majority has it on disk. */
export const TRANSACTION: TransactionOptions = {
  readConcern: { level: "snapshot" },
  writeConcern: { w: "majority", journal: true },
  maxCommitTimeMS: 30_000,
};

export interface Connection extends AsyncDisposable {
  readonly client: MongoClient;
  readonly db: Db;
}

/**
 * Connects, and makes sure that the server has transactions.
 *
 * @param at the variable that the URL came from; `what` names the engine's role.
 * @throws MedtraceError CONFIGURATION for a URL without database, a server without transactions, or one that does not
 * let us in; STORAGE_FAILED where no primary answers.
 */
export async function connect(url: string, at: string, what: string): Promise<Connection> {
  if (!WITH_DATABASE.test(url)) {
    throw new MedtraceError("CONFIGURATION", "a MongoDB URL names its database", {
      at,
      hint: "mongodb://HOST:PORT/DATABASE?replicaSet=NAME",
    });
  }
  const client = open(url, at);
  try {
    await client.connect();
    const hello = await client.db("admin").command({ hello: 1 });
    if (hello["setName"] === undefined && hello["msg"] !== "isdbgrid") throw noTransactions(at);
    return {
      client,
      db: client.db(),
      [Symbol.asyncDispose]: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw distrust(error, at) ?? mongoError(error, what);
  }
}

/** Only what was acknowledged by a majority and journaled is done; only that is read. */
function open(url: string, at: string): MongoClient {
  try {
    return new MongoClient(url, {
      appName: "medtrace",
      maxPoolSize: POOL_MAX,
      serverSelectionTimeoutMS: SELECTION_MS_MAX,
      connectTimeoutMS: CONNECT_MS_MAX,
      writeConcern: { w: "majority", journal: true },
      readConcern: { level: "majority" },
      promoteBuffers: true,
    });
  } catch {
    // The parser's own message may quote the URL, and with it a password.
    throw new MedtraceError("CONFIGURATION", "not a URL that MongoDB's driver can read", { at });
  }
}

/** What is wrong with certificates, where that is why there is no connection; the driver itself tries on until late. */
function distrust(error: unknown, at: string): MedtraceError | undefined {
  const reason = error instanceof MongoServerSelectionError ? error.reason : undefined;
  const failures = [...(reason?.servers.values() ?? [])].map(({ error: failure }) => failure?.cause ?? failure);
  for (const failure of [error, ...failures]) {
    const { code = "", syscall } = (failure ?? {}) as NodeJS.ErrnoException;
    // Of a URL's parts, only those that name files are opened.
    if (syscall === "open") {
      const what = `a file that it names cannot be read (${code})`;
      return new MedtraceError("CONFIGURATION", what, { at, hint: "see tlsCAFile and tlsCertificateKeyFile" });
    }
    if (!/CERT|SIGNATURE|^ERR_SSL_/.test(`${code}`)) continue;
    const what = `MongoDB's certificate is not trusted, or ours is not (${code})`;
    return new MedtraceError("CONFIGURATION", what, { at, hint: "see tls, tlsCAFile and tlsCertificateKeyFile in it" });
  }
  return undefined;
}

function noTransactions(at: string): MedtraceError {
  return new MedtraceError("CONFIGURATION", "this MongoDB stands alone, without transactions", {
    at,
    hint: "start mongod with --replSet and initiate the set; one member is enough",
  });
}
