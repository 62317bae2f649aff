/**
 * IHE Basic Audit Log Patterns (BALP 1.1): which pattern an AuditEvent claims, and what of it is missing. A repository
 * takes what does not conform and flags it.
 */
import type { ActivityKind } from "@medtrace/shared/model/trace-event";
import { child, children, type Element, texts } from "./element.ts";

const PROFILE = /^https:\/\/profiles\.ihe\.net\/ITI\/BALP\/StructureDefinition\/IHE\.BasicAudit\.([A-Za-z.]+)$/;
/** Patterns that name a patient. */
const OF_PATIENT = /^(Patient[A-Z]|PrivacyDisclosure)/;

const KIND_OF_PATTERN: readonly (readonly [RegExp, ActivityKind])[] = [
  [/Create$/, "create"],
  [/Read$/, "read"],
  [/Update$/, "update"],
  [/Delete$/, "delete"],
  [/Query$/, "execute"],
];

export interface BalpFacts {
  /** How many patients it names. */
  readonly persons: number;
  readonly kind: ActivityKind;
}

/** Flags of an AuditEvent that claims BALP patterns; none where it claims none or conforms. */
export function balpFlags(resource: Element, { persons, kind }: BalpFacts): string[] {
  const meta = child(resource, "meta", "AuditEvent");
  const profiles = meta === undefined ? [] : texts(meta, "profile", "AuditEvent.meta");
  const patterns = profiles.flatMap((profile) => PROFILE.exec(profile)?.[1] ?? []);
  if (patterns.length === 0) return [];
  const flags = patterns.flatMap((pattern) => {
    const wanted = KIND_OF_PATTERN.find(([name]) => name.test(pattern))?.[1];
    return [
      ...(OF_PATIENT.test(pattern) && persons === 0 ? ["balp:no-patient"] : []),
      ...(wanted !== undefined && wanted !== kind ? ["balp:other-action"] : []),
    ];
  });
  const agents = children(resource, "agent", "AuditEvent");
  if (agents.every((agent) => child(agent, "type", "AuditEvent.agent") === undefined))
    flags.push("balp:untyped-agents");
  return flags;
}
