/** HL7 v2.5.1 messages of the simulated systems, in ER7 (chapters 2, 3, 4, 7, 9, 11). */
import type { Patient, Staff } from "./people.ts";
import type { Institution, Ward } from "./region.ts";
import { hl7Time } from "./timeline.ts";

export const HEALTH_NUMBER_SYSTEM = "urn:medtrace:sim:health-number";

export interface Header {
  readonly from: Institution;
  readonly application: string;
  readonly to: Institution;
  readonly toApplication: string;
  /** MSH-9, such as `ADT^A01^ADT_A01`. */
  readonly type: string;
  readonly controlId: string;
  readonly at_ms: number;
}

/** A patient as one institution numbers them. */
export interface Subject {
  readonly patient: Patient;
  readonly mrn: string;
  readonly institution: Institution;
}

export interface Visit {
  readonly number: string;
  readonly patientClass: "E" | "I" | "O";
  readonly ward: Ward;
  readonly bed: number;
  readonly attending: Staff;
  readonly admitted_ms: number;
  readonly discharged_ms?: number;
}

/** Fields by their HL7 number; what is not given stays empty. */
type Fields = Readonly<Record<number, string>>;

export function message(header: Header, ...segments: readonly string[]): string {
  const { from, application, to, toApplication, type, controlId, at_ms } = header;
  const msh = `MSH|^~\\&|${application}|${from.facility}|${toApplication}|${to.facility}|${hl7Time(at_ms)}||${type}|${controlId}|P|2.5.1||||||UNICODE UTF-8`;
  return `${msh}\r${segments.join("\r")}\r`;
}

/** EVN; `reason` of table 0062. */
export function evn(event: string, recorded_ms: number, occurred_ms: number, operator: string, reason = ""): string {
  return segment("EVN", { 1: event, 2: hl7Time(recorded_ms), 4: reason, 5: operator, 6: hl7Time(occurred_ms) });
}

export function pid({ patient, mrn, institution }: Subject): string {
  const { name, address } = patient;
  return segment("PID", {
    1: "1",
    3: `${recordNumber(mrn, institution)}~${patient.healthNumber}^^^&${HEALTH_NUMBER_SYSTEM}&URI^HC`,
    5: `${escapeText(name.family)}^${escapeText(name.given)}^^^^^L`,
    7: patient.birthDate,
    8: patient.sex,
    11: `${escapeText(address.street)}^^${escapeText(address.city)}^^${address.zip}^CHE^H`,
    13: `^PRN^PH^^^^^^^^^${patient.phone}`,
  });
}

export function mrg(prior: string, { patient, institution }: Subject): string {
  const { family, given } = patient.name;
  return segment("MRG", { 1: recordNumber(prior, institution), 7: `${escapeText(family)}^${escapeText(given)}` });
}

export function pv1(visit: Visit, institution: Institution): string {
  return segment("PV1", {
    1: "1",
    2: visit.patientClass,
    3: `${visit.ward.code}^${visit.bed}^A^${institution.facility}`,
    7: person(visit.attending, institution),
    10: visit.ward.service,
    19: `${visit.number}^^^${institution.facility}^VN`,
    44: hl7Time(visit.admitted_ms),
    45: visit.discharged_ms === undefined ? "" : hl7Time(visit.discharged_ms),
  });
}

export interface Order {
  /** Number that the orderer gave. */
  readonly placer: string;
  readonly orderer: Institution;
  readonly by: Staff;
  readonly test: Test;
  readonly ordered_ms: number;
}

/** ORC; `control` of table 0119. */
export function orc(order: Order, control: "NW" | "CA" | "RE"): string {
  return segment("ORC", {
    1: control,
    2: placer(order),
    9: hl7Time(order.ordered_ms),
    12: person(order.by, order.orderer),
  });
}

/** What was measured: a LOINC panel and its parts. */
export interface Test {
  readonly code: string;
  readonly title: string;
  readonly parts: readonly Analyte[];
}

export interface Analyte {
  readonly code: string;
  readonly title: string;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
  readonly decimals: number;
}

export interface Report {
  /** UUID that the report goes by everywhere. */
  readonly uuid: string;
  readonly taken_ms: number;
  readonly reported_ms: number;
  /** Table 0123: final, or corrected. */
  readonly status: "F" | "C";
  readonly interpreter: Staff;
  readonly laboratory: Institution;
}

/** OBR of an order, or of its report. */
export function obr(order: Order, report?: Report): string {
  return segment("OBR", {
    1: "1",
    2: placer(order),
    3: report === undefined ? "" : `^^${report.uuid}^UUID`,
    4: `${order.test.code}^${order.test.title}^LN`,
    7: report === undefined ? "" : hl7Time(report.taken_ms),
    16: person(order.by, order.orderer),
    22: report === undefined ? "" : hl7Time(report.reported_ms),
    25: report?.status ?? "",
    32: report === undefined ? "" : staffNumber(report.interpreter),
  });
}

export function obx(place: number, analyte: Analyte, value: number, at_ms: number, status: "F" | "C"): string {
  const flag = value > analyte.high ? "H" : value < analyte.low ? "L" : "N";
  return segment("OBX", {
    1: String(place),
    2: "NM",
    3: `${analyte.code}^${analyte.title}^LN`,
    5: value.toFixed(analyte.decimals),
    6: analyte.unit,
    7: `${analyte.low}-${analyte.high}`,
    8: flag,
    11: status,
    14: hl7Time(at_ms),
  });
}

export interface Document {
  /** OID without `urn:oid:`. */
  readonly oid: string;
  /** Table 0270, such as DS for a discharge summary. */
  readonly kind: string;
  readonly author: Staff;
  readonly written_ms: number;
  /** OID of the document that it replaces. */
  readonly replaces?: string;
}

export function txa(document: Document, institution: Institution): string {
  const author = person(document.author, institution);
  return segment("TXA", {
    1: "1",
    2: document.kind,
    3: "TX",
    4: hl7Time(document.written_ms),
    5: author,
    6: hl7Time(document.written_ms),
    9: author,
    12: oid(document.oid),
    13: document.replaces === undefined ? "" : oid(document.replaces),
    17: "AU",
    19: "AV",
  });
}

/** OBX that carries a document's text. */
export function obxText(text: string): string {
  return segment("OBX", { 1: "1", 2: "TX", 3: "11488-4^Consult note^LN", 5: escapeText(text), 11: "F" });
}

/** RF1 of a referral; `urn:uuid:` names it at both ends. */
export function rf1(uuid: string, at_ms: number): string {
  return segment("RF1", { 1: "P^Pending^HL70283", 2: "R^Routine^HL70280", 6: `^^${uuid}^UUID`, 7: hl7Time(at_ms) });
}

/** PRD: the provider who refers, or is referred to (table 0286: RP, RT). */
export function prd(role: "RP" | "RT", staff: Staff, institution: Institution): string {
  const { family, given } = staff.name;
  return segment("PRD", {
    1: role,
    2: `${escapeText(family)}^${escapeText(given)}`,
    7: `${staff.id}^${institution.facility}`,
  });
}

/** Staff as XCN. */
export function person({ id, name }: Staff, { facility }: Institution): string {
  return `${id}^${escapeText(name.family)}^${escapeText(name.given)}^^^^^^${facility}`;
}

/** Staff as CNN inside NDL (OBR-32). */
function staffNumber({ id, name }: Staff): string {
  return `${id}&${escapeText(name.family)}&${escapeText(name.given)}`;
}

function placer({ placer: number, orderer }: Order): string {
  return `${number}^${orderer.facility}`;
}

function recordNumber(mrn: string, { facility }: Institution): string {
  return `${mrn}^^^${facility}^MR`;
}

function oid(value: string): string {
  return `^^${value}^ISO`;
}

function segment(name: string, fields: Fields): string {
  let text = name;
  let at = 0;
  for (const key in fields) {
    const value = fields[key];
    if (value === undefined || value === "") continue;
    text += "|".repeat(Number(key) - at) + value;
    at = Number(key);
  }
  return text;
}

/** HL7 v2.5.1 section 2.7: delimiters inside a value. */
function escapeText(text: string): string {
  return text.replace(/[|^~\\&\r\n]/g, (c) => ESCAPES[c] ?? " ");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "|": "\\F\\",
  "^": "\\S\\",
  "~": "\\R\\",
  "\\": "\\E\\",
  "&": "\\T\\",
};
