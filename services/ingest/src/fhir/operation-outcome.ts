/** Results as OperationOutcome (hl7.org/fhir/R4/operationoutcome.html). */
import type { OperationOutcome } from "@medtrace/service-kit/fhir";
import type { Receipted } from "../normalise/draft.ts";

/** A receipt of what is in the event log now, or was before. */
export type Taken = Extract<Receipted, { readonly status: "accepted" | "duplicate" }>;

/** What became of an event that was taken: its id, and what was odd about it. */
export function outcomeOfReceipt({ status, id, flags }: Taken): OperationOutcome {
  return {
    resourceType: "OperationOutcome",
    issue: [
      {
        severity: "information",
        code: "informational",
        diagnostics: `${status}: ${id}`,
        details: { text: id },
      },
      ...flags.map((flag) => ({ severity: "warning" as const, code: "business-rule", diagnostics: flag })),
    ],
  };
}
