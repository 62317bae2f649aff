/** Taking what a Bundle holds: a batch's good entries, a transaction's all or none (FHIR R4, 3.1.0.11). */
import { type OperationOutcome, outcomeOfError } from "@medtrace/service-kit/fhir";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import type { Draft, Intake, MappingContext, Receipted } from "../normalise/draft.ts";
import { draftsOfBundle, inEntry } from "./bundle.ts";
import type { Element } from "./element.ts";
import type { Naming } from "./naming.ts";
import { outcomeOfReceipt, type Taken } from "./operation-outcome.ts";
import { type Returned, representation } from "./prefer.ts";
import { takenOrThrow } from "./receipted.ts";
import type { HeaderProvenance } from "./x-provenance.ts";

export interface BundleParts {
  readonly intake: Intake;
  readonly naming: Naming;
  readonly context: MappingContext;
  readonly onRefused: (institution: string, code: ErrorCode) => void;
}

export interface BundleRequest {
  readonly bundle: Element;
  readonly returned: Returned | undefined;
  readonly provenance: HeaderProvenance | undefined;
}

type Result = Taken | MedtraceError | undefined;

/**
 * The response Bundle.
 *
 * @throws MedtraceError at the FHIRPath of the first bad entry of a transaction, of which nothing was taken then; as
 * Intake.accept does.
 */
export async function takeBundle(parts: BundleParts, request: BundleRequest): Promise<object> {
  const { intake, naming, context, onRefused } = parts;
  const { institution } = context;
  const { type, entries, resources, conditional } = await draftsOfBundle(request.bundle, context, {
    idOf: (draft) => naming.idOf(institution, draft),
    named: (draft, criteria, at) => naming.named(draft, institution, criteria, at),
  });
  const isTransaction = type === "transaction";
  const known = await knownAlready(naming, institution, entries, conditional);
  const drafts = entries.filter((entry, i): entry is Draft => !(entry instanceof MedtraceError) && !known.has(i));
  // All or nothing: one bad entry refuses a transaction before anything is written.
  const spoilt = isTransaction && entries.some((entry) => entry instanceof MedtraceError);
  const taken =
    spoilt || drafts.length === 0 ? [] : await intake.accept(institution, drafts, { together: isTransaction });
  const receipts = taken.values();
  const results = entries.map((entry, i): Result => {
    if (entry instanceof MedtraceError) return entry;
    return known.get(i) ?? resultOf(receipts.next().value, i);
  });
  const fault = results.find((result) => result instanceof MedtraceError);
  if (isTransaction && fault !== undefined) throw fault;
  await takeProvenance(parts, request.provenance, entries, results);
  const response = results.map((result, i): object => {
    if (result === undefined) throw new TypeError("the intake answered fewer drafts than it was given");
    if (!(result instanceof MedtraceError)) return takenEntry(request, result, entries[i] as Draft, resources[i]);
    onRefused(institution, result.code);
    return { response: refusedEntry(result) };
  });
  return {
    resourceType: "Bundle",
    type: isTransaction ? "transaction-response" : "batch-response",
    entry: response,
  };
}

async function knownAlready(
  naming: Naming,
  institution: string,
  entries: readonly (Draft | MedtraceError)[],
  conditional: readonly number[],
): Promise<ReadonlyMap<number, Taken>> {
  const drafts = conditional.map((i) => entries[i] as Draft);
  const found = await naming.known(institution, drafts);
  return new Map(conditional.flatMap((i, at) => (found[at] === undefined ? [] : [[i, found[at]] as const])));
}

function resultOf(receipt: Receipted | undefined, i: number): Result {
  if (receipt === undefined || receipt.status === "withheld") return undefined;
  return inEntry(i, () => takenOrThrow(receipt));
}

/** One Provenance for all that the Bundle made. */
async function takeProvenance(
  { intake, context: { institution } }: BundleParts,
  provenance: HeaderProvenance | undefined,
  entries: readonly (Draft | MedtraceError)[],
  results: readonly Result[],
): Promise<void> {
  if (provenance === undefined) return;
  const targets = results.flatMap((result, i) =>
    result === undefined || result instanceof MedtraceError ? [] : [`${(entries[i] as Draft).type}/${result.id}`],
  );
  if (targets.length === 0) return;
  const [receipt] = await intake.accept(institution, [provenance.of([...new Set(targets)])]);
  if (receipt !== undefined) takenOrThrow(receipt);
}

interface EntryResponse {
  readonly status: string;
  readonly location?: string;
  readonly outcome?: OperationOutcome;
}

function takenEntry({ returned }: BundleRequest, taken: Taken, { type }: Draft, resource: unknown): object {
  const status = taken.status === "duplicate" ? "200 OK" : "201 Created";
  const response: EntryResponse = {
    status,
    location: `/fhir/${type}/${taken.id}`,
    ...(returned === "minimal" ? {} : { outcome: outcomeOfReceipt(taken) }),
  };
  return {
    ...(returned === "representation" ? { resource: representation(resource as Element, taken) } : {}),
    response,
  };
}

function refusedEntry(error: MedtraceError): EntryResponse {
  const { status, outcome } = outcomeOfError(error);
  return { status: String(status), outcome };
}
