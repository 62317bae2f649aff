/** The region that traffic comes from: two hospitals and a laboratory, their wards, staff, shifts and numbers. */
import { createPatient, createStaff, type Patient, type Staff, type StaffRole } from "./people.ts";
import type { Random } from "./random.ts";
import { localTime } from "./timeline.ts";

export interface Ward {
  readonly code: string;
  /** HL7 table 0069. */
  readonly service: string;
  readonly beds: number;
  readonly staff: readonly Staff[];
}

export interface Institution {
  /** As tokens name it. */
  readonly id: string;
  /** As HL7 messages name it. */
  readonly facility: string;
  readonly title: string;
  /** Letter that its numbers start with. */
  readonly letter: string;
  readonly emergency: Ward;
  readonly wards: readonly [Ward, ...Ward[]];
  /** Registration, records, privacy: not on a ward. */
  readonly office: Ward;
  /** Patients who come in a day. */
  readonly arrivalsPerDay: number;
}

const SHIFT_STARTS = [7, 15, 23];
const OFF = 3;
/** Days of one shift in a row, before the group goes on to the next. */
const SHIFT_DAYS = 4;

/**
 * Who of a ward works now: nurses in three shifts, a fourth group being off; physicians by day, and one group on call;
 * all others by day. Never nobody.
 */
export function onDuty(ward: Ward, role: StaffRole, at_ms: number, random: Random): Staff {
  const { hour, day } = localTime(at_ms);
  const shift = SHIFT_STARTS.filter((start) => hour >= start).length - 1;
  // Before seven, last evening's night shift is still there.
  const since = shift < 0 ? day - 1 : day;
  const current = shift < 0 ? 2 : shift;
  const all = ward.staff.filter((staff) => staff.role === role);
  const present = all.filter(({ group }) => {
    const turn = (group + Math.floor(since / SHIFT_DAYS)) % 4;
    if (role === "nurse") return turn === current;
    return current === 0 ? turn !== OFF : turn === current;
  });
  const [first, ...rest] = present.length > 0 ? present : all;
  if (first === undefined) throw new RangeError(`ward ${ward.code} has no ${role}`);
  return random.pick([first, ...rest]);
}

type Crew = readonly (readonly [StaffRole, number])[];
const WARD_CREW: Crew = [
  ["nurse", 12],
  ["physician", 6],
];
const OFFICE_CREW: Crew = [
  ["clerk", 8],
  ["privacy-officer", 2],
];
const LAB_CREW: Crew = [
  ["technician", 12],
  ["pathologist", 4],
];

export interface Region {
  readonly hospitals: readonly [Institution, Institution];
  readonly laboratory: Institution;
}

export function createRegion(random: Random): Region {
  let count = 0;
  const ward = (letter: string, code: string, service: string, beds: number, crew: Crew = WARD_CREW): Ward => ({
    code,
    service,
    beds,
    staff: crew.flatMap(([role, size]) =>
      Array.from({ length: size }, (_, place) =>
        createStaff(random, `${letter}${String(++count).padStart(4, "0")}`, role, place % 4),
      ),
    ),
  });
  const hospitalA: Institution = {
    id: "hospital-a",
    facility: "HOSPA",
    title: "Hospital A",
    letter: "A",
    emergency: ward("A", "ED", "MED", 20),
    wards: [
      ward("A", "MED1", "MED", 28),
      ward("A", "SURG", "SUR", 24),
      ward("A", "CARD", "CAR", 18),
      ward("A", "ICU", "MED", 10),
    ],
    office: ward("A", "ADMIN", "MED", 0, OFFICE_CREW),
    arrivalsPerDay: 42,
  };
  const hospitalB: Institution = {
    id: "hospital-b",
    facility: "HOSPB",
    title: "Hospital B",
    letter: "B",
    emergency: ward("B", "ED", "MED", 10),
    wards: [ward("B", "GER", "MED", 24), ward("B", "ONC", "MED", 16)],
    office: ward("B", "ADMIN", "MED", 0, OFFICE_CREW),
    arrivalsPerDay: 18,
  };
  const bench = ward("C", "LAB", "LAB", 0, LAB_CREW);
  const laboratory: Institution = {
    id: "lab-c",
    facility: "LABC",
    title: "Laboratory C",
    letter: "C",
    emergency: bench,
    wards: [bench],
    office: ward("C", "ADMIN", "LAB", 0, OFFICE_CREW),
    arrivalsPerDay: 0,
  };
  return { hospitals: [hospitalA, hospitalB], laboratory };
}

/** Patients kept to come back; the oldest go first, so that memory does not grow with time. */
const REMEMBERED_MAX = 5_000;

/** The numbers and the patients that institutions have given and seen so far. */
export class Registry {
  readonly #random: Random;
  /** Makes the numbers of one seed and start date differ from those of any other. */
  readonly #run: string;
  readonly #counters = new Map<string, number>();
  readonly #known: Patient[] = [];
  readonly #present = new Set<Patient>();

  constructor(random: Random, run: string) {
    this.#random = random;
    this.#run = run;
  }

  /** The next number of a kind at an institution, such as `A4F7K2-V000012`. */
  number(institution: Institution, kind: string): string {
    const key = `${institution.letter}${kind}`;
    const count = (this.#counters.get(key) ?? 0) + 1;
    this.#counters.set(key, count);
    return `${institution.letter}${this.#run}${kind}${String(count).padStart(6, "0")}`;
  }

  uuid(): string {
    const digits = this.#random.hex(32);
    const variant = "89ab"[this.#random.whole(0, 3)];
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
  }

  /** Somebody who comes in: new, or one who was here or elsewhere before and is not in a hospital now. */
  arrival(year: number): Patient {
    const back = this.#random.chance(0.45) ? this.#known[this.#random.whole(0, this.#known.length)] : undefined;
    return back === undefined || this.#present.has(back) ? this.newPatient(year) : back;
  }

  newPatient(year: number): Patient {
    const patient = createPatient(this.#random, year);
    this.#known.push(patient);
    if (this.#known.length > REMEMBERED_MAX) this.#known.shift();
    return patient;
  }

  /** The patient is in a hospital, until {@link leave}. */
  enter(patient: Patient): void {
    this.#present.add(patient);
  }

  leave(patient: Patient): void {
    this.#present.delete(patient);
  }

  /** The patient's record number at an institution, given now where there is none. */
  mrn(patient: Patient, institution: Institution): string {
    const known = patient.mrn.get(institution.id);
    if (known !== undefined) return known;
    const given = this.number(institution, "P");
    patient.mrn.set(institution.id, given);
    return given;
  }
}
