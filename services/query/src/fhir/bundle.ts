/** A page of a search as a searchset Bundle (hl7.org/fhir/R4/bundle.html#searchset). */
import type { Release } from "@medtrace/service-kit/fhir";
import type { Standing } from "../context.ts";
import { auditEventOf } from "./audit-event.ts";
import type { FoundPage } from "./find.ts";

export interface Page extends FoundPage {
  readonly release: Release;
  readonly reader: string;
  /** Base URL of the FHIR endpoints. */
  readonly base: string;
  readonly standing: Standing;
  readonly related: ReadonlyMap<string, readonly string[]>;
  /** Query strings of the links. */
  readonly self: string;
  readonly next?: string;
  /** Parameters that were passed over. */
  readonly ignored: readonly string[];
}

/** The Bundle; its `meta` says how much of the ledger the answer is true for. */
export function searchset(page: Page): object {
  const { base, standing, found, related, release, reader, next } = page;
  const url = (query: string): string => `${base}/AuditEvent${query === "" ? "" : `?${query}`}`;
  const entries = found.map(({ event: { event }, sealed }) => ({
    fullUrl: `${base}/AuditEvent/${event.id}`,
    resource: auditEventOf({ event, release, reader, sealed, related: related.get(event.id) ?? [] }),
    search: { mode: "match" },
  }));
  const told = outcomes(page);
  const all = told === undefined ? entries : [...entries, { resource: told, search: { mode: "outcome" } }];
  return {
    resourceType: "Bundle",
    meta: {
      extension: [
        { url: "urn:medtrace:height", valueInteger: standing.height },
        { url: "urn:medtrace:lag", valueInteger: standing.lag },
      ],
    },
    type: "searchset",
    link: [
      { relation: "self", url: url(page.self) },
      ...(next === undefined ? [] : [{ relation: "next", url: url(next) }]),
    ],
    ...(all.length === 0 ? {} : { entry: all }),
  };
}

/** What a caller must know beside the events. */
function outcomes({ integrityFailures, ignored }: Page): object | undefined {
  const issue = [
    ...(integrityFailures === 0
      ? []
      : [
          {
            severity: "error",
            code: "security",
            diagnostics: `${integrityFailures} events are not stored as the ledger has them, and are left out`,
          },
        ]),
    ...ignored.map((name) => ({ severity: "warning", code: "not-supported", diagnostics: `passed over: ${name}` })),
  ];
  return issue.length === 0 ? undefined : { resourceType: "OperationOutcome", issue };
}
