/** The patients that one resource names: several references to the same one are one person. */
import type { DraftPerson } from "../normalise/draft.ts";
import { tooLarge } from "./element.ts";

/** Different identifiers of one patient, as the HL7 v2 mapping has it. */
const IDENTIFIERS_MAX = 50;

export class Persons {
  readonly #people: DraftPerson[] = [];
  readonly #places = new Map<string, number>();

  /**
   * The person's place in the list; a person of any of the same identifiers is the same.
   *
   * @throws MedtraceError INPUT_TOO_LARGE at `at` for a person of more than IDENTIFIERS_MAX identifiers.
   */
  place(person: DraftPerson, at: string): number {
    const keys = person.identifiers.map(({ system, value, scope }) => JSON.stringify([scope, system, value]));
    if (person.token !== undefined) keys.push(person.token);
    const known = keys.map((key) => this.#places.get(key)).find((place) => place !== undefined);
    const place = known ?? this.#people.length;
    if (known === undefined) this.#people.push(person);
    else if (keys.some((key) => !this.#places.has(key))) {
      this.#people[place] = merged(this.#people[place] as DraftPerson, person);
    }
    if ((this.#people[place]?.identifiers.length ?? 0) > IDENTIFIERS_MAX) {
      throw tooLarge(at, `names a patient by more than ${IDENTIFIERS_MAX} identifiers`, "send those that identify");
    }
    for (const key of keys) this.#places.set(key, place);
    return place;
  }

  get list(): readonly DraftPerson[] {
    return this.#people;
  }
}

function merged(a: DraftPerson, b: DraftPerson): DraftPerson {
  const extra = b.identifiers.filter(
    (one) => !a.identifiers.some((two) => two.system === one.system && two.value === one.value),
  );
  const token = a.token ?? b.token;
  return { identifiers: [...a.identifiers, ...extra], ...(token === undefined ? {} : { token }) };
}
