/** Who stands behind a bundle (PROV-DM section 5.4, provenance of provenance), and where the ledger holds it. */
import { sha256Hex } from "../bytes.ts";
import { canonicalText } from "../canonical.ts";
import type { ProvVerdict } from "./constraints/check.ts";
import type { ProvDocument, ProvValue } from "./document.ts";
import { type Attributes, add, type Draft } from "./draft.ts";
import { batchName, bundleName, type QualifiedName, term } from "./names.ts";

/** Where the ledger has an event. */
export interface ProvAnchor {
  /** `owner:stream:sequence` */
  readonly batch: string;
  /** Merkle root of the batch, hex. */
  readonly root?: string;
  readonly block?: number;
  readonly transaction?: string;
}

export interface Attestation {
  readonly institution: string;
  readonly bundle: QualifiedName;
  readonly anchors: readonly ProvAnchor[];
}

/** The name of the bundle of these events: other events of the institution make another bundle. */
export function bundleOf(institution: string, events: readonly string[]): QualifiedName {
  return bundleName(institution, sha256Hex(canonicalText([institution, ...events.toSorted()])));
}

/** Says of a bundle that its institution attests it, and from which anchored batches it was taken. */
export function attest(draft: Draft, { institution, bundle, anchors }: Attestation): void {
  draft.thing(bundle, new Map([["prov:type", [{ name: term("prov", "Bundle") }]]]));
  draft.relate("wasAttributedTo", [bundle, draft.agent(institution, "institution")]);
  for (const anchor of anchors) {
    const attributes: Attributes = new Map([["prov:type", [{ name: term("mt", "Batch") }]]]);
    if (anchor.root !== undefined) attributes.set("mt:root", [anchor.root]);
    if (anchor.transaction !== undefined) attributes.set("mt:transaction", [anchor.transaction]);
    if (anchor.block !== undefined) {
      attributes.set("mt:block", [{ text: String(anchor.block), type: term("xsd", "nonNegativeInteger") }]);
    }
    draft.relate("wasDerivedFrom", [bundle, draft.thing(batchName(anchor.batch), attributes)]);
  }
}

/** How far an answer goes, which its document tells of itself. */
export interface AnswerFacts {
  /** Id of the record that was asked about. */
  readonly record: string;
  readonly height: number;
  readonly ledgerHeight: number;
  /** Bounds that cut it short. */
  readonly truncated: readonly string[];
  readonly verdict: ProvVerdict;
}

/** The document with an entity that says what it answers, how far it goes, and what in it breaks PROV-CONSTRAINTS. */
export function withAnswer(document: ProvDocument, facts: AnswerFacts): ProvDocument {
  const { record, height, ledgerHeight, truncated, verdict } = facts;
  const events = [document, ...document.bundles].flatMap(({ activities }) => activities.map(({ name }) => name.local));
  const digest = sha256Hex(canonicalText([record, height, ...events]));
  const count = (value: number): ProvValue[] => [{ text: String(value), type: term("xsd", "nonNegativeInteger") }];
  const attributes: Attributes = new Map([
    ["prov:type", [{ name: term("mt", "Answer") }]],
    ["mt:about", [record]],
    ["mt:height", count(height)],
    ["mt:ledgerHeight", count(ledgerHeight)],
  ]);
  const found = [...verdict.violations, ...verdict.clocks];
  for (const bound of truncated) add(attributes, "mt:truncated", bound);
  for (const { constraint, detail, names } of found) {
    add(attributes, "mt:violation", `${constraint}: ${detail} (${names.join(", ")})`);
  }
  const name = term("mt", `answer/${digest}`);
  return { ...document, entities: [...document.entities, { name, attributes }] };
}
