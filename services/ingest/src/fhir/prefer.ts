/** What a caller wants to get back (RFC 7240 Prefer; FHIR R4, 3.1.0.1.8 return). */
import type { Element } from "./element.ts";
import { outcomeOfReceipt, type Taken } from "./operation-outcome.ts";

export type Returned = "minimal" | "representation" | "OperationOutcome";

const RETURN = /(?:^|[,;\s])return\s*=\s*"?(minimal|representation|OperationOutcome)"?(?=$|[,;\s])/i;
const KNOWN: readonly Returned[] = ["minimal", "representation", "OperationOutcome"];

/** What the header asks for; undefined where it asks for none of these. The first counts. */
export function returnWanted(header: string | string[] | undefined): Returned | undefined {
  if (header === undefined) return undefined;
  const wanted = RETURN.exec([header].flat().join(","))?.[1]?.toLowerCase();
  return KNOWN.find((one) => one.toLowerCase() === wanted);
}

/** The resource as it was sent, under the id that it has here. */
export function representation(resource: Element, { id }: Taken): object {
  return { ...resource, id };
}

/** The body that answers for what was taken; undefined where none is wanted. */
export function bodyOf(wanted: Returned | undefined, resource: Element, taken: Taken): object | undefined {
  if (wanted === "minimal") return undefined;
  return wanted === "representation" ? representation(resource, taken) : outcomeOfReceipt(taken);
}
