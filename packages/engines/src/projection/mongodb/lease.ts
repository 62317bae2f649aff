/**
 * One projector at a time: a lease in the projection's own database, measured by the server's clock. Its holder renews it;
 * where the holder dies it runs out, and the next one to ask takes over under a higher term. The term is written into the
 * projection's state, which every block changes in its own transaction: a holder that was only slow, and does not know yet
 * that it was replaced, finds the higher term there and applies nothing more.
 */
import { randomUUID } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import type { ProjectorLock } from "@medtrace/shared/ports/projection";
import type { Collection, Db } from "mongodb";
import { connect } from "../../mongodb/client.ts";
import { isDuplicateKey, mongoError } from "../../mongodb/errors.ts";
import { STATE, stateOf } from "./schema.ts";
import { interruptApplier } from "./state.ts";

/** How long a projector that died keeps others away. */
const LEASE_MS = 6_000;
const RENEW_MS = 1_500;
const WHAT = "projection";

interface LeaseDocument {
  readonly _id: "projector";
  readonly holder: string;
  /** Grows with every holder. */
  readonly term: number;
  readonly expires: Date;
}

const EXPIRES_LATER = { $add: ["$$NOW", LEASE_MS] };

/** Takes the lease. @throws MedtraceError LOCKED while another holds it; as {@link connect} does. */
export async function takeLease(url: string): Promise<ProjectorLock> {
  const connection = await connect(url, "PROJECTION_URL", WHAT);
  try {
    const leases = connection.db.collection<LeaseDocument>("leases");
    const holder = randomUUID();
    const term = await take(leases, holder);
    await fenceOff(connection.db, term);
    const renewal = setInterval(() => {
      // Where it fails for long, another takes over, and the term keeps this one out.
      renew(leases, holder).catch(() => undefined);
    }, RENEW_MS);
    return {
      term,
      async [Symbol.asyncDispose]() {
        clearInterval(renewal);
        await release(leases, holder).catch(() => undefined);
        await connection[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw mongoError(error, WHAT);
  }
}

async function take(leases: Collection<LeaseDocument>, holder: string): Promise<number> {
  const nobody = { holder: "", term: 0, expires: new Date(0) };
  await leases.updateOne({ _id: "projector" }, { $setOnInsert: nobody }, { upsert: true }).catch((error: unknown) => {
    // Another made it at the same time.
    if (!isDuplicateKey(error)) throw error;
  });
  const lease = await leases.findOneAndUpdate(
    { _id: "projector", $expr: { $lte: ["$expires", "$$NOW"] } },
    [{ $set: { holder, term: { $add: ["$term", 1] }, expires: EXPIRES_LATER } }],
    { returnDocument: "after" },
  );
  if (lease !== null) return lease.term;
  throw new MedtraceError("LOCKED", "another projector works on this projection", {
    at: "PROJECTION_URL",
    hint: `it is taken over once that one stops, or within ${LEASE_MS / 1_000} s of its death`,
  });
}

/** From here on no holder before may apply a block; one in the middle of it applies nothing. */
async function fenceOff(db: Db, term: number): Promise<void> {
  const state = await stateOf(db).findOne({ _id: STATE });
  if (state !== null) await interruptApplier(db, state);
  await stateOf(db).updateOne({ _id: STATE }, { $max: { term } });
}

async function renew(leases: Collection<LeaseDocument>, holder: string): Promise<void> {
  await leases.updateOne({ _id: "projector", holder }, [{ $set: { expires: EXPIRES_LATER } }]);
}

async function release(leases: Collection<LeaseDocument>, holder: string): Promise<void> {
  await leases.updateOne({ _id: "projector", holder }, { $set: { expires: new Date(0) } });
}
