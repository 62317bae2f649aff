/** Who stands behind a bundle (PROV-DM section 5.4, provenance of provenance), and where the ledger holds it. */
import { sha256Hex } from "../bytes.ts";
import { canonicalText } from "../canonical.ts";
import type { Attributes, Draft } from "./draft.ts";
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
