/** Who took part: staff, the sending application, and the organisation that answers for them. */
import type { DraftAgent } from "../../normalise/draft.ts";
import { knownInstitution } from "../../normalise/institutions.ts";
import { AGENTS_MAX, cut, SEALED_VALUE_LENGTH_MAX } from "../limits.ts";
import { components, field, part, rawField, repetitions, type Segment, spoken, subpart } from "../message.ts";
import { assignerOf, authorityNames, type Flags, type Hl7Context, idText } from "./context.ts";

/** A field that names staff: XCN (or PPN, which begins as XCN does), or NDL, whose first component holds the name. */
type StaffField = readonly [field: number, role: string, form?: "NDL"];

/** Fields that name staff, with the part that they had. EVN-5 is who caused the event. */
const STAFF: ReadonlyMap<string, readonly StaffField[]> = new Map<string, readonly StaffField[]>([
  ["EVN", [[5, "operator"]]],
  [
    "PV1",
    [
      [7, "attending"],
      [8, "referring"],
      [9, "consulting"],
      [17, "admitting"],
    ],
  ],
  [
    "ORC",
    [
      [10, "enterer"],
      [11, "verifier"],
      [12, "ordering"],
    ],
  ],
  [
    "OBR",
    [
      [16, "ordering"],
      [32, "interpreter", "NDL"],
    ],
  ],
  [
    "TXA",
    [
      [5, "primary-activity-provider"],
      [9, "originator"],
      [10, "assigned-authenticator"],
      [11, "transcriptionist"],
      [22, "authenticator"],
    ],
  ],
  ["RXA", [[10, "administering"]]],
  ["RXD", [[10, "dispensing"]]],
  [
    "FT1",
    [
      [20, "performing"],
      [21, "ordering"],
    ],
  ],
  [
    "SCH",
    [
      [16, "filler-contact"],
      [20, "enterer"],
    ],
  ],
  ["AIP", [[3, "scheduled"]]],
]);

/** PRD-1, HL7 table 0286; others are just providers. */
const PROVIDER_ROLES: ReadonlyMap<string, string> = new Map([
  ["RP", "referring"],
  ["RT", "referred-to"],
  ["CP", "consulting"],
  ["PP", "primary-care"],
]);

/** An XCN up to its assigning authority. */
const XCN_PARTS = 9;
/** Of prefix, given, middle and family name in XCN and CNN. */
const NAME_PLACES = [6, 3, 4, 2] as const;
/** An XCN.1 that holds blanks is a name in the wrong place. */
const STAFF_ID = /^[^\s,]+$/;

export interface Agents {
  readonly agents: readonly DraftAgent[];
  /** Names of staff by agent id. */
  readonly labels: Readonly<Record<string, string>>;
  /** Names of staff that came without an id. */
  readonly unidentified: readonly string[];
}

/** The agents of one event: its staff, then MSH-3 and the organisation of MSH-22 or MSH-4. */
export function agentsOf(msh: Segment, segments: readonly Segment[], flags: Flags, context: Hl7Context): Agents {
  const organisation = organisationOf(msh, flags, context);
  const onBehalfOf = organisation ?? context.institution;
  const staff = new Staff(flags, context);
  for (const segment of segments) {
    if (segment.name === "PRD") staff.addProvider(segment);
    const fields = STAFF.get(segment.name);
    if (fields === undefined) continue;
    for (const [n, role, form] of fields) {
      if (rawField(segment, n) === "") continue;
      for (const text of repetitions(segment, n)) staff.add(segment, text, n, role, form);
    }
  }
  const agents: DraftAgent[] = [];
  for (const [id, { roles, assigner }] of staff.found) {
    const person = { id, kind: "person", roles: [...roles], onBehalfOf: assigner ?? onBehalfOf } as const;
    agents.push(roles.has("operator") ? { ...person, requestor: true } : person);
  }
  const software = idText(field(msh, 3), "MSH-3");
  if (software !== "") {
    agents.push({ id: `${context.institution}/Device/${software}`, kind: "software", roles: ["sender"], onBehalfOf });
  }
  if (organisation !== undefined) agents.push({ id: organisation, kind: "institution", roles: ["sender"] });
  return { agents, labels: staff.labels, unidentified: staff.unidentified };
}

interface StaffMember {
  readonly roles: Set<string>;
  /** The institution whose number it is, where the message says so. */
  readonly assigner: string | undefined;
}

/** Staff by id; one who is named in several fields has their roles all. */
class Staff {
  readonly found: Map<string, StaffMember> = new Map();
  readonly labels: Record<string, string> = {};
  readonly unidentified: string[] = [];
  readonly #flags: Flags;
  readonly #context: Hl7Context;

  constructor(flags: Flags, context: Hl7Context) {
    this.#flags = flags;
    this.#context = context;
  }

  add(segment: Segment, text: string, n: number, role: string, form?: "NDL"): void {
    const parts = components(segment, text, XCN_PARTS);
    const [first] = parts;
    const isNdl = form === "NDL";
    const name = nameOf((place) => (isNdl ? subpart(segment, first, place) : subpart(segment, parts[place - 1])));
    const assigner = isNdl || parts.length < XCN_PARTS ? undefined : assignerOf(segment, text, "XCN", this.#context);
    this.#add(subpart(segment, first), name, role, assigner, `${segment.name}-${n}`);
  }

  /** PRD-7 (id), PRD-2 (name) and PRD-1 (role): the parties of a referral. */
  addProvider(prd: Segment): void {
    const name = [5, 2, 3, 1].map((component) => field(prd, 2, 1, component)).filter((word) => word !== "");
    const assigner = knownInstitution(field(prd, 7, 1, 2), this.#context);
    const role = PROVIDER_ROLES.get(field(prd, 1).toUpperCase()) ?? "provider";
    this.#add(field(prd, 7), name.join(" "), role, assigner, "PRD-7");
  }

  #add(value: string, name: string, role: string, assigner: string | undefined, at: string): void {
    if (!STAFF_ID.test(value)) {
      this.#addUnidentified(role, [value, name].filter((word) => word !== "").join(" "));
      return;
    }
    const id = `${assigner ?? this.#context.institution}/Practitioner/${idText(value, at)}`;
    const known = this.found.get(id);
    if (known !== undefined) known.roles.add(role);
    else if (this.found.size < AGENTS_MAX) this.found.set(id, { roles: new Set([role]), assigner });
    else this.#flags.add("hl7:agents-cut");
    if (name !== "" && this.found.has(id)) this.labels[id] ??= cut(name, SEALED_VALUE_LENGTH_MAX);
  }

  #addUnidentified(role: string, said: string): void {
    if (said === "") return;
    this.#flags.add("hl7:agent-without-id");
    if (this.unidentified.length < AGENTS_MAX) this.unidentified.push(`${role}: ${cut(said, SEALED_VALUE_LENGTH_MAX)}`);
  }
}

/** Prefix, given, middle and family name. */
function nameOf(at: (place: number) => string): string {
  let name = "";
  for (const place of NAME_PLACES) {
    const word = at(place);
    if (word !== "") name = name === "" ? word : `${name} ${word}`;
  }
  return name;
}

/** The institution that MSH-22 (from v2.7), else MSH-4 names; one the directory does not know stays as its name. */
function organisationOf(msh: Segment, flags: Flags, context: Hl7Context): string | undefined {
  const names = [
    ...[10, 3, 1].map((component) => field(msh, 22, 1, component)).filter((name) => name !== ""),
    ...facilityNames(msh, 4),
  ];
  for (const name of names) {
    const known = knownInstitution(name, context);
    if (known === undefined) continue;
    if (known !== context.institution) flags.add("hl7:sender-is-another");
    return known;
  }
  const [name] = names.map((candidate) => idText(candidate, "MSH-4"));
  return name === undefined ? undefined : `${context.institution}/Organization/${name}`;
}

/** The names of an HD field, likeliest first. */
function facilityNames(msh: Segment, n: number): string[] {
  return authorityNames(field(msh, n), field(msh, n, 1, 2), field(msh, n, 1, 3));
}

/**
 * Whom the message was sent to: the facility of MSH-6, else the application of MSH-5; institutions by the directory, an
 * unknown partner by the name it came with. None where that is the sender itself.
 */
export function recipientsOf(msh: Segment, context: Hl7Context): readonly string[] {
  const senders = facilityNames(msh, 4);
  for (const n of [6, 5]) {
    const names = facilityNames(msh, n);
    const [name] = names;
    if (name === undefined) continue;
    const known = names.map((candidate) => knownInstitution(candidate, context)).find((found) => found !== undefined);
    const recipient = known ?? idText(context.directory.resolve(name), `MSH-${n}`);
    // A name may hold nothing that can be printed.
    return recipient === "" || recipient === context.institution || senders.includes(name) ? [] : [recipient];
  }
  return [];
}

/** Text of a coded or named field, for labels. */
export function labelOf(segment: Segment, n: number): string {
  const [text = ""] = repetitions(segment, n);
  const display = part(segment, text, 2) || part(segment, text, 1) || spoken(segment, text);
  return cut(display, SEALED_VALUE_LENGTH_MAX);
}
