/** What both resources say beside what was done: R5's `patient`, `basedOn` and `encounter`; whether access was overridden. */
import type { Coding } from "@medtrace/shared/model/trace-event";
import type { DraftRecord } from "../normalise/draft.ts";
import type { AgentParts } from "./agents.ts";
import { child, children, type Element } from "./element.ts";

/** v3-ActReason codes that override normal access. */
const BREAK_GLASS: ReadonlySet<string> = new Set(["BTG", "ETREAT"]);

/** Whether a purpose of use is to override normal access. */
export function isBreakGlass(purposes: readonly Coding[]): boolean {
  return purposes.some(({ code }) => BREAK_GLASS.has(code));
}

/**
 * The patient of an R5 resource goes to `parts.persons`; the orders and the encounter that it was done for
 * are named, not touched. */
export function namedBeside(resource: Element, at: string, parts: AgentParts): DraftRecord[] {
  const { references, persons, sealing } = parts;
  const patientAt = `${at}.patient`;
  const { patient } = references.read(child(resource, "patient", at), patientAt, { type: "Patient", isPatient: true });
  if (patient !== undefined) persons.place(patient, patientAt);
  const named = (reference: Element | undefined, where: string): DraftRecord[] => {
    const { id, type = "Resource", version, search } = references.read(reference, where, RESOURCE);
    sealing.text(search);
    return id === undefined ? [] : [{ id, type, ...(version === undefined ? {} : { version }), role: "associated" }];
  };
  return [
    ...children(resource, "basedOn", at).flatMap((reference, i) => named(reference, `${at}.basedOn[${i}]`)),
    ...named(child(resource, "encounter", at), `${at}.encounter`),
  ];
}

const RESOURCE = { type: "Resource" } as const;
