/** Invented patients and staff. Names, numbers and addresses are drawn from lists; nobody is meant. */
import type { Random } from "./random.ts";

export interface Name {
  readonly family: string;
  readonly given: string;
}

export interface Patient {
  /** Known to every institution. */
  readonly healthNumber: string;
  readonly name: Name;
  readonly sex: "F" | "M";
  /** YYYYMMDD */
  readonly birthDate: string;
  readonly address: { readonly street: string; readonly city: string; readonly zip: string };
  readonly phone: string;
  /** Record number by institution. */
  readonly mrn: Map<string, string>;
}

export type StaffRole = "physician" | "nurse" | "clerk" | "technician" | "pathologist" | "privacy-officer";

export interface Staff {
  readonly id: string;
  readonly name: Name;
  readonly role: StaffRole;
  /** Which of the rotating shift groups, 0 to 3. */
  readonly group: number;
}

type List = readonly [string, ...string[]];

const list = (text: string): List => text.split(" ") as unknown as List;
const FAMILIES = list(
  "Adeyemi Baumann Bianchi Bernard Çelik Dupont Eriksson Fischer Fontana Frei García Graf Hofer Huber Jansen Kaya Keller Kovács Kowalska Kunz Lang Lefèvre Lehmann Lindqvist Marti Meyer Moreau Moser Müller Nguyễn Novák O'Connor Ochsner Ørsted Pereira Petrović Popescu Rossi Roth Schäfer Schmid Silva Singh Steiner Suter Tanaka Trần Vogel Weber Widmer Yılmaz Zimmermann Žižek",
);
const GIVEN_F = list(
  "Amélie Anna Beatrix Carla Chiara Clara Dorothea Elif Elisa Emma Fatima Greta Hanna Helena Ines Johanna Julia Katarina Laura Lea Lucía Maria Mei Mia Nadia Nora Olga Petra Rosa Sara Selma Sofia Theresa Ursula Vera Zoë",
);
const GIVEN_M = list(
  "Adam Ahmed Alessandro Anton Benjamin Björn Carlos Daniel David Elias Emil Felix Gabriel Hans Hugo Ivan Jan Jonas Julian Karl Leon Luca Lukas Marco Martin Matteo Max Mehmet Nico Noah Oskar Paul Pierre Rafael René Samuel Tim Viktor Wei",
);
const STREETS = list(
  "Bahnhofstrasse Birkenweg Dorfstrasse Gartenweg Hauptstrasse Kirchgasse Lindenallee Marktplatz Mühleweg Rosenweg Schulstrasse Seestrasse Sonnenweg Talstrasse Waldweg",
);
const CITIES: readonly [readonly [string, string], ...(readonly (readonly [string, string])[])] = [
  ["4001", "Altenau"],
  ["4125", "Brunnwil"],
  ["4310", "Feldkirchen"],
  ["4402", "Grünhalde"],
  ["4450", "Oberseen"],
  ["4665", "Steinach"],
];

/** A patient of any age, older ones more often, as hospitals see them. */
export function createPatient(random: Random, year: number): Patient {
  const sex = random.chance(0.52) ? "F" : "M";
  const age = Math.min(101, Math.floor(random.chance(0.15) ? random.whole(0, 17) : 18 + 80 * random.next() ** 0.7));
  const month = random.whole(1, 12);
  const day = random.whole(1, 28);
  const [zip, city] = random.pick(CITIES);
  return {
    healthNumber: healthNumber(random),
    name: createName(random, sex),
    sex,
    birthDate: `${year - age}${two(month)}${two(day)}`,
    address: { street: `${random.pick(STREETS)} ${random.whole(1, 120)}`, city, zip },
    phone: `061 5${random.whole(10, 99)} ${random.whole(10, 99)} ${random.whole(10, 99)}`,
    mrn: new Map(),
  };
}

export function createStaff(random: Random, id: string, role: StaffRole, group: number): Staff {
  return { id, role, group, name: createName(random, random.chance(0.6) ? "F" : "M") };
}

function createName(random: Random, sex: "F" | "M"): Name {
  const given = random.pick(sex === "F" ? GIVEN_F : GIVEN_M);
  const family = random.pick(FAMILIES);
  return { given, family: random.chance(0.08) ? `${family}-${random.pick(FAMILIES)}` : family };
}

/** Twenty digits, the last a Luhn check, as on health insurance cards; 80999 is nobody's issuer. */
function healthNumber(random: Random): string {
  const half = (): string => String(random.whole(0, 9_999_999)).padStart(7, "0");
  const body = `80999${half()}${half()}`;
  let sum = 0;
  for (let place = 0; place < body.length; place++) {
    const digit = Number(body[body.length - 1 - place]) * (place % 2 === 0 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return `${body}${(10 - (sum % 10)) % 10}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
