/** What the tests of the FHIR side share. */
import assert from "node:assert/strict";
import type { Answered } from "../testing/stack.ts";

export interface Bundle {
  readonly type: string;
  readonly link: readonly { readonly relation: string; readonly url: string }[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into resources of many shapes
  readonly entry?: readonly { readonly fullUrl: string; readonly resource: any; readonly search: { mode: string } }[];
}

/** The searchset that an answer holds. */
export function bundleOf(answer: Answered): Bundle {
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/fhir\+json/);
  const bundle = answer.body as Bundle;
  assert.equal(bundle.type, "searchset");
  return bundle;
}

/** Ids of the AuditEvents of a searchset, in order. */
export function idsIn(answer: Answered): string[] {
  const { entry = [] } = bundleOf(answer);
  return entry.filter(({ search }) => search.mode === "match").map(({ resource }) => resource.id as string);
}

/** Path and query of a link, as the next request asks for it. */
export function linkOf(answer: Answered, relation: string): string | undefined {
  const url = bundleOf(answer).link.find((link) => link.relation === relation)?.url;
  if (url === undefined) return undefined;
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}

/** The one issue of an OperationOutcome. */
export function issueOf({ text, headers }: Answered): { code: string; diagnostics: string } {
  assert.match(headers.get("content-type") ?? "", /^application\/fhir\+json/);
  const { resourceType, issue } = JSON.parse(text);
  assert.equal(resourceType, "OperationOutcome");
  return issue[0];
}
