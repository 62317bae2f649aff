/** Why the data may be used, as the message itself says: EVN-4, purposes of use, consents, break-glass. */
import type { Coding } from "@medtrace/shared/model/trace-event";
import { field, part, rawField, repetitions, type Segment } from "../message.ts";
import { type Flags, type Hl7Context, recordId } from "./context.ts";

export interface Access {
  readonly purposes: readonly Coding[];
  readonly consents: readonly string[];
  readonly breakGlass: boolean;
}

const EVENT_REASON = "http://terminology.hl7.org/CodeSystem/v2-0062";
const ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/** Event reasons of HL7 table 0062, and local ones of its form; anything longer may be free text. */
const REASON_CODE = /^[A-Za-z0-9._-]{1,20}$/;
/** Purposes of use of HL7's ActReason that handling instructions may hold; BTG is "break the glass". */
const PURPOSE_OF_USE =
  /^(?:TREAT|ETREAT|BTG|CAREMGT|CLINTRCH|CLINTRL|COC|COVERAGE|DISASTER|DONAT|FRAUD|GOV|HACCRED|HCOMPL|HDECD|HDIRECT|HDM|HLEGAL|HMARKT|HOPERAT|HOUTCOMS|HPAYMT|HPRGRP|HQUALIMP|HRESCH|HSYSADMIN|HTEST|METAMGT|MEMADMIN|MILCDM|PATADMIN|PATRQT|PATSFTY|PERFMSR|POPHLTH|PUBHLTH|RECORDMGT|SYSDEV|THREAT|TRAIN|FAMRQT|PWATRNY|SUPNWK)$/;
const CONSENTS_MAX = 50;
const PURPOSES_MAX = 50;
/** HL7 table 0498: granted, or granted with limits. The others are not consents that a use relied on. */
const GRANTED = /^[AL]$/;

const NOTHING: Access = { purposes: [], consents: [], breakGlass: false };

/**
 * Purposes: EVN-4, and the codes of purpose of use in MSH-27 or ARV-8 (from v2.8). Consents: CON-4 of those granted.
 * Break-glass: purpose BTG, or a consent bypassed (CON-11 B) for an emergency (CON-20 E).
 */
export function accessOf(segments: readonly Segment[], flags: Flags, context: Hl7Context): Access {
  const purposes: Coding[] = [];
  const consents = new Set<string>();
  let bypassed = false;
  for (const segment of segments) {
    if (segment.name === "EVN") {
      const code = field(segment, 4);
      if (REASON_CODE.test(code)) addPurpose(purposes, EVENT_REASON, code);
      else if (code !== "") flags.add("hl7:event-reason");
    } else if (segment.name === "MSH") addPurposes(purposes, segment, 27);
    else if (segment.name === "ARV") addPurposes(purposes, segment, 8);
    else if (segment.name === "CON") {
      bypassed ||= field(segment, 11) === "B" && field(segment, 20) === "E";
      const consent = recordId(segment, rawField(segment, 4), "EI", "Consent", "CON-4", context);
      if (consent !== undefined && GRANTED.test(field(segment, 11)) && consents.size < CONSENTS_MAX)
        consents.add(consent);
    }
  }
  if (purposes.length === 0 && consents.size === 0 && !bypassed) return NOTHING;
  const breakGlass = bypassed || purposes.some(({ system, code }) => system === ACT_REASON && code === "BTG");
  return { purposes, consents: [...consents], breakGlass };
}

function addPurposes(purposes: Coding[], segment: Segment, n: number): void {
  if (rawField(segment, n) === "") return;
  for (const text of repetitions(segment, n)) {
    const code = part(segment, text, 1).toUpperCase();
    if (PURPOSE_OF_USE.test(code)) addPurpose(purposes, ACT_REASON, code);
  }
}

function addPurpose(purposes: Coding[], system: string, code: string): void {
  if (purposes.length === PURPOSES_MAX) return;
  if (!purposes.some((known) => known.system === system && known.code === code)) purposes.push({ system, code });
}
