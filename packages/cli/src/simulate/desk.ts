/**
 * The desk that every simulated system sends from: it numbers, signs with the virtual time, and hands messages over.
 * Stories say what happened; the desk knows how it is written.
 */
import { accessEvent, type Derivation, disclosureEvent, type Interaction, type Purpose, provenance } from "./fhir.ts";
import { type Header, message, person, type Subject } from "./hl7v2.ts";
import type { Patient, Staff, StaffRole } from "./people.ts";
import type { Random } from "./random.ts";
import { type Institution, onDuty, type Region, type Registry, type Ward } from "./region.ts";
import type { Timeline } from "./timeline.ts";

/** One message as a hospital system would send it. */
export interface SimulatedMessage {
  /** Whose system sent it: which token to send it with. */
  readonly institution: string;
  readonly kind: "hl7v2" | "fhir";
  /** `ADT^A01`, `AuditEvent`, `Provenance` … */
  readonly type: string;
  /** Virtual time, milliseconds since 1970. */
  readonly at_ms: number;
  readonly bytes: Uint8Array;
}

export interface World {
  readonly random: Random;
  readonly timeline: Timeline;
  readonly region: Region;
  readonly registry: Registry;
  readonly desk: Desk;
  /** For ages. */
  readonly year: number;
}

export class Desk {
  readonly #timeline: Timeline;
  readonly #registry: Registry;
  readonly #random: Random;
  readonly #out: SimulatedMessage[];

  /** @param out where messages are put. */
  constructor(timeline: Timeline, registry: Registry, random: Random, out: SimulatedMessage[]) {
    this.#timeline = timeline;
    this.#registry = registry;
    this.#random = random;
    this.#out = out;
  }

  /** Sends an HL7 message from one institution's system to another's, or within one. */
  hl7(
    event: string,
    structure: string,
    route: { readonly from: Institution; readonly application: string; readonly to: Institution },
    segments: readonly string[],
  ): void {
    const header: Header = {
      ...route,
      toApplication: route.to.id.startsWith("lab") ? "LIS" : "EHR",
      type: `${event}^${structure}`,
      controlId: this.#registry.number(route.from, "M"),
      at_ms: this.#timeline.now_ms,
    };
    this.#put(route.from, "hl7v2", event, message(header, ...segments));
  }

  /** Staff use records of a patient. */
  access(use: {
    readonly institution: Institution;
    readonly staff: Staff;
    readonly patient: Patient;
    readonly records: readonly string[];
    readonly interaction?: Interaction;
    readonly purpose?: Purpose;
    readonly denied?: boolean;
  }): void {
    const { institution, interaction = "read", purpose = "TREAT", denied = false } = use;
    const event = accessEvent({
      ...use,
      interaction,
      purpose,
      denied,
      id: this.#registry.number(institution, "E"),
      workstation: `ws-${institution.letter.toLowerCase()}${this.#random.whole(1, 60)}`,
      mrn: this.#registry.mrn(use.patient, institution),
      requestId: this.#registry.uuid(),
      at_ms: this.#timeline.now_ms,
    });
    this.#put(institution, "fhir", "AuditEvent", event);
  }

  /** Records of a patient leave for another institution. */
  disclose(disclosure: {
    readonly from: Institution;
    readonly to: Institution;
    readonly staff: Staff;
    readonly patient: Patient;
    readonly records: readonly string[];
    readonly consent: string;
  }): void {
    const { from } = disclosure;
    const event = disclosureEvent({
      ...disclosure,
      id: this.#registry.number(from, "E"),
      mrn: this.#registry.mrn(disclosure.patient, from),
      purpose: "COC",
      at_ms: this.#timeline.now_ms,
    });
    this.#put(from, "fhir", "AuditEvent", event);
  }

  /** Data was made from other data. */
  derive(derivation: Omit<Derivation, "id" | "at_ms">): void {
    const { institution } = derivation;
    const id = this.#registry.number(institution, "W");
    this.#put(institution, "fhir", "Provenance", provenance({ ...derivation, id, at_ms: this.#timeline.now_ms }));
  }

  /** Who is there now, in this role. */
  onDuty(ward: Ward, role: StaffRole): Staff {
    return onDuty(ward, role, this.#timeline.now_ms, this.#random);
  }

  /** The clerk at the desk now, as HL7 names them. */
  clerk(institution: Institution): string {
    return person(this.onDuty(institution.office, "clerk"), institution);
  }

  /** A patient as this institution numbers them. */
  subject(patient: Patient, institution: Institution): Subject {
    return { patient, institution, mrn: this.#registry.mrn(patient, institution) };
  }

  #put({ id }: Institution, kind: "hl7v2" | "fhir", type: string, text: string): void {
    this.#out.push({ institution: id, kind, type, at_ms: this.#timeline.now_ms, bytes: Buffer.from(text, "utf8") });
  }
}
