/** Orders, treatments and referrals (HL7 v2.9 chapters 4, 4A and 11; order control codes of HL7 table 0119). */
import { byCode, paths, type RecordRow, type Rule, record, visit } from "../rule.ts";

/** ORC-1 and its like. */
const BY_ORDER_CONTROL = byCode(
  "ORC-1",
  {
    generated: "NW RO CH RF NA",
    revised: "XO XX XR SC HD HR OH RL OE OR OF FU AF LI UN XA",
    invalidated: "CA CR OC DC DR OD RP RQ RU",
  },
  "used",
);

const order = (type: string, label: string): RecordRow[] => [
  record(type, "ORC-2 OBR-2 ORC-3 OBR-3", BY_ORDER_CONTROL, label),
  visit("used"),
];

export const ORDERS: readonly Rule[] = [
  {
    on: "ORM OML OMG OMI OMQ OMS OMN OMD OMB OPL OSU",
    what: "ordered: laboratory, imaging, diets, supplies, blood products",
    kind: "order",
    groups: ["ORC"],
    records: order("ServiceRequest", "OBR-4 RQD-2 ODS-3"),
    occurred: paths("ORC-9"),
    disclosed: true,
  },
  {
    on: "OMP RDE RGV",
    what: "drug ordered, order encoded by the pharmacy, to be given",
    kind: "order",
    groups: ["ORC"],
    records: order("MedicationRequest", "RXE-2 RXG-4 RXO-1"),
    occurred: paths("ORC-9"),
    disclosed: true,
  },
  {
    on: "RDS",
    what: "drug dispensed",
    kind: "create",
    groups: ["ORC", "RXD"],
    records: [
      record("MedicationDispense", "ORC-3 RXD-7", "generated", "RXD-2"),
      record("MedicationRequest", "ORC-2", "source"),
      visit("used"),
    ],
    occurred: paths("RXD-3"),
    disclosed: true,
  },
  {
    on: "RAS",
    what: "drug given",
    kind: "create",
    groups: ["ORC", "RXA"],
    records: [
      record("MedicationAdministration", "ORC-3", "generated", "RXA-5"),
      record("MedicationRequest", "ORC-2", "source"),
      visit("used"),
    ],
    occurred: paths("RXA-3"),
    disclosed: true,
  },
  {
    on: "BPS BTS",
    what: "blood product dispensed, transfused",
    kind: "execute",
    groups: ["ORC", "BPX", "BTX"],
    records: [record("ServiceRequest", "ORC-2", "used"), visit("used")],
    disclosed: true,
  },
  {
    on: "REF^I12",
    what: "referred",
    kind: "order",
    records: [record("ServiceRequest", "RF1-6", "generated")],
    disclosed: true,
  },
  {
    on: "REF^I13 REF^I15",
    what: "referral changed, status asked",
    kind: "order",
    records: [record("ServiceRequest", "RF1-6", "revised")],
    disclosed: true,
  },
  {
    on: "REF^I14",
    what: "referral cancelled",
    kind: "order",
    records: [record("ServiceRequest", "RF1-6", "invalidated")],
    disclosed: true,
  },
];
