/** What the ledger has, how far the projection follows it, and what was found wrong. No query about anyone's data. */
import { type Batch, batchHash, batchId, parseBatchId } from "@medtrace/shared/model/batch";
import type { FastifyInstance } from "fastify";
import type { QueryContext } from "../context.ts";
import { notFound, viewerOf } from "../scope.ts";
import { documented, idParams, READ } from "./schema.ts";

const INCIDENTS_MAX = 100;

export function ledgerRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const streams = documented("ledger", "Streams, with the last batch of each on the ledger and in the projection");
  app.get("/v1/streams", { config: READ, schema: streams }, async () => {
    const heads = await ctx.ledger.listStreams();
    const listed = [];
    for (const { owner, stream, batch } of heads) {
      const [projected] = await ctx.projection.batches(owner, stream, 1);
      listed.push({
        owner,
        stream,
        head: { id: batchId({ owner, stream, sequence: batch.sequence }), ...batch },
        projected: projected === undefined ? null : { sequence: projected.batch.sequence, end: projected.batch.end },
      });
    }
    return { ...(await ctx.standing()), streams: listed };
  });

  const params = idParams("owner:stream:sequence");
  const batch = documented("ledger", "One batch as the ledger has it, and whether the log still agrees", { params });
  app.get<{ Params: { id: string } }>("/v1/batches/:id", { config: READ, schema: batch }, async (request) => {
    const ref = parseBatchId(request.params.id);
    const anchored = ref === undefined ? undefined : await ctx.ledger.readBatch(ref);
    if (ref === undefined || anchored === undefined) throw notFound();
    const stored = await ctx.projection.batch(ref);
    const anchor = stored === undefined ? undefined : await ctx.verifier.anchor(ref);
    const place = anchor === undefined ? {} : { block: anchor.block, transaction: anchor.transaction };
    return {
      ...(await ctx.standing()),
      id: batchId(ref),
      state: batchState(anchored, stored, anchor !== undefined),
      owner: ref.owner,
      batch: anchored,
      hash: batchHash(anchored),
      ...place,
      ...(stored === undefined ? {} : { duplicates: stored.duplicates }),
    };
  });

  const integrity = documented("ledger", "Counts, incidents, and what failed verification while it was served");
  app.get("/v1/integrity", { config: READ, schema: integrity }, async (request) => {
    const { verifier } = ctx;
    // Event ids of failures are whose they are nobody can tell: only supervisors are given them.
    const { supervises } = viewerOf(request.caller);
    const failures = verifier.failures().map(({ event, ...failure }) => (supervises ? { event, ...failure } : failure));
    return {
      ...(await ctx.standing()),
      counts: await ctx.projection.counts(),
      incidents: await ctx.projection.incidents(INCIDENTS_MAX),
      projector: ctx.projectorStatus(),
      serving: { integrityFailures: verifier.failuresTotal, recent: failures },
    };
  });
}

/** `anchored`: on the ledger, not projected yet. */
function batchState(
  anchored: Batch,
  stored: { readonly batch: Batch; readonly verified: boolean } | undefined,
  shown: boolean,
): "anchored" | "verified" | "integrity-failure" {
  if (stored === undefined) return "anchored";
  const agrees = stored.verified && shown && batchHash(stored.batch) === batchHash(anchored);
  return agrees ? "verified" : "integrity-failure";
}
