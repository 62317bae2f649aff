/** Lineage as a PROV document that tells of itself how far it goes, who attests it, and what in it breaks the rules. */
import { type BatchRef, batchId } from "@medtrace/shared/model/batch";
import { type ProvAnchor, withAnswer } from "@medtrace/shared/model/prov/attestation";
import { provDocument } from "@medtrace/shared/model/prov/from-events";
import type { QueryContext, Standing } from "./context.ts";
import { type ProvFormat, type ProvText, provText } from "./formats.ts";
import type { Lineage, LineageInput } from "./lineage-answer.ts";

/** `institution`: a bundle for what each institution attests. */
export type Bundling = "none" | "institution";

export interface ProvAsked {
  readonly record: string;
  readonly format: ProvFormat;
  readonly bundles: Bundling;
  readonly standing: Standing;
}

export interface ProvAnswer extends ProvText {
  readonly standing: Standing;
  readonly integrityFailures: number;
  readonly truncated: readonly string[];
  /** Breaches of PROV-CONSTRAINTS, and times that contradict the order. */
  readonly violations: number;
}

/**
 * Writes the lineage. The constraints are checked on one account of all events: between bundles they do not hold.
 *
 * @throws MedtraceError FORM_UNSUPPORTED where the form can not hold the document; LEDGER_UNAVAILABLE.
 */
export async function lineageText(ctx: QueryContext, lineage: Lineage, asked: ProvAsked): Promise<ProvAnswer> {
  const { result, account, verdict, truncated } = lineage;
  const { record, format, bundles, standing } = asked;
  const { height, ledgerHeight } = standing;
  const told = bundles === "none" ? account : provDocument(await anchored(ctx, lineage.inputs), { bundles });
  const document = withAnswer(told, { record, height, ledgerHeight, truncated, verdict });
  return {
    ...provText(format, document),
    standing,
    integrityFailures: result.integrityFailures,
    truncated,
    violations: verdict.violations.length + verdict.clocks.length,
  };
}

/** Each event with where the ledger has its batch; a batch is asked for once. */
async function anchored(ctx: QueryContext, inputs: readonly LineageInput[]): Promise<LineageInput[]> {
  const anchors = new Map<string, ProvAnchor>();
  const refs = new Map(inputs.map(({ ref }) => [batchId(ref), ref]));
  for (const [batch, ref] of refs) anchors.set(batch, await anchorOf(ctx, batch, ref));
  return inputs.map((input) => {
    const anchor = anchors.get(batchId(input.ref));
    return anchor === undefined ? input : { ...input, anchor };
  });
}

async function anchorOf(ctx: QueryContext, batch: string, ref: BatchRef): Promise<ProvAnchor> {
  const found = await ctx.verifier.anchor(ref);
  if (found === undefined) return { batch };
  return { batch, root: found.batch.root, block: found.block, transaction: found.transaction };
}
