/**
 * Verification of an evidence file, from the signatures down: ledger, batches, events. Start reading at
 * {@link verifyEvidence}; every check is a step of the verdict. The file is the only input: nothing is fetched.
 */
import type { BatchState, LedgerFound } from "./batches.ts";
import { checkEmbedded } from "./embedded.ts";
import { type Anchored, type Evidence, type EvidenceEvent, readEvidence, readFacts } from "./evidence.ts";
import { checkFabric } from "./fabric.ts";
import { rootOfPath, type TreeHash, treeHash } from "./merkle.ts";
import { proofs, trusts, unchecked } from "./report.ts";
import type { TrustOptions } from "./signatures.ts";
import { parseCanonical } from "./strict.ts";
import { Trail, worst } from "./trail.ts";
import { type EventAnchor, type EventVerdict, Fault, type LedgerFacts, type Verdict } from "./verdict.ts";

const TOGETHER = 1_000;

export type VerifyOptions = TrustOptions;

/**
 * Verifies an evidence file without asking anyone. Never throws: whatever the file holds ends in a verdict.
 *
 * @param file text of the file, or its bytes (then its UTF-8 is checked as well).
 */
export async function verifyEvidence(file: string | Uint8Array, options: VerifyOptions = {}): Promise<Verdict> {
  const trail = new Trail();
  const exact = "the file holds what the format names and nothing else";
  const evidence = await trail.check("format", "the file", exact, () => readEvidence(file));
  const found = evidence === undefined ? undefined : await checkEvidence(trail, evidence, options);
  const { events = [], facts = {} } = found ?? {};
  return {
    verdict: trail.outcome,
    events,
    ...facts,
    steps: trail.steps,
    proved: trail.outcome === "proven" ? proofs(events, facts) : [],
    onTrust: trusts(facts),
    notChecked: unchecked(facts),
    reasons: trail.steps.filter((step) => !step.passed).map((step) => `${step.at}: ${step.says}`),
  };
}

interface Found {
  readonly events: readonly EventVerdict[];
  readonly facts: LedgerFacts;
}

async function checkEvidence(trail: Trail, evidence: Evidence, options: VerifyOptions): Promise<Found | undefined> {
  const { ledger, batches } = evidence;
  const hash = treeHash(options.sha256);
  const found =
    ledger.kind === "fabric"
      ? await checkFabric(trail, ledger, batches, options.trust ?? [])
      : await checkEmbedded(trail, ledger, batches, options, hash);
  if (found === undefined) return undefined;
  const events = await checkEvents(trail, evidence, found.batches, hash);
  await checkNothingIsSpare(trail, evidence, found);
  return { events, facts: found.facts };
}

/** Each event's text is canonical, its batch's tree holds it at its index, and no two share an id. */
async function checkEvents(
  trail: Trail,
  evidence: Evidence,
  states: readonly BatchState[],
  hash: TreeHash,
): Promise<readonly EventVerdict[]> {
  const events: EventVerdict[] = [];
  for (let start = 0; start < evidence.events.length; start += TOGETHER) {
    const some = evidence.events.slice(start, start + TOGETHER);
    const checked = some.map((event, i) =>
      checkEvent(event, `events[${start + i}]`, evidence.batches[event.batch], states[event.batch], hash),
    );
    for (const { event, own } of await Promise.all(checked)) {
      trail.join(own);
      events.push(event);
    }
  }
  const ids = events.map((event) => event.id).filter((id) => id !== "");
  await trail.check("event-ids", "events", "every event has an id of its own", () => {
    if (new Set(ids).size < ids.length) throw new Fault("events", "two events of the file have one id");
  });
  return events;
}

async function checkEvent(
  entry: EvidenceEvent,
  at: string,
  anchored: Anchored | undefined,
  state: BatchState | undefined,
  hash: TreeHash,
): Promise<{ event: EventVerdict; own: Trail }> {
  const own = new Trail();
  const text = `${at}.event`;
  await own.check("event-in-batch", at, "the batch's root commits to this very text at this index", async () => {
    if (anchored === undefined) throw new Fault(`${at}.batch`, `the file has no batch ${entry.batch}`);
    const { count, root } = anchored.batch;
    if ((await rootOfPath(await hash.leafHash(entry.event), entry.index, count, entry.path, hash)) === root) return;
    throw new Fault(at, `event, index and path do not lead to the root of batches[${entry.batch}]: one was altered`);
  });
  const value = await own.check("event-text", text, "canonical JSON", () => parseCanonical(entry.event, text));
  const shape = "a trace event of format 1";
  const facts =
    value === undefined ? undefined : await own.check("event-shape", text, shape, () => readFacts(value, text));
  const event = {
    at,
    verdict: worst(own.outcome, state?.outcome ?? "refuted"),
    id: facts?.id ?? "",
    ...(facts === undefined ? {} : { facts }),
    ...(anchored === undefined ? {} : { anchor: position(anchored, entry.index, state?.anchor ?? { block: 0 }) }),
  };
  return { event, own };
}

function position({ owner, batch }: Anchored, index: number, anchor: BatchState["anchor"]): EventAnchor {
  return { owner, stream: batch.stream, sequence: batch.sequence, index, count: batch.count, ...anchor };
}

/** What no event hangs on could say anything: a file that holds such a batch, or such a part of the ledger, is refused. */
async function checkNothingIsSpare(trail: Trail, evidence: Evidence, found: LedgerFound): Promise<void> {
  const used = new Set(evidence.events.map((event) => event.batch));
  const says =
    evidence.ledger.kind === "fabric"
      ? "every batch holds an event"
      : "every batch holds an event, every block a batch";
  await trail.check("nothing-spare", "the file", says, () => {
    const batch = evidence.batches.findIndex((_, index) => !used.has(index));
    if (batch >= 0) throw new Fault(`batches[${batch}]`, "no event of the file is in this batch");
    found.refuseSpare();
  });
}
