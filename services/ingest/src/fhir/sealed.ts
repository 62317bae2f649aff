/** Gathering what identifies a person, for the sealed part. */
import type { SealedContent } from "@medtrace/shared/model/trace-event";
import type { DraftPerson } from "../normalise/draft.ts";

const TEXTS_MAX = 200;

export function hasText(...texts: readonly (string | undefined)[]): boolean {
  return texts.some((text) => text !== undefined);
}

export class Sealing {
  readonly #names = new Set<string>();
  readonly #network = new Set<string>();
  readonly #text: string[] = [];
  readonly #labels = new Map<string, string>();

  names(...names: readonly (string | undefined)[]): void {
    for (const name of names) if (name !== undefined) this.#names.add(name);
  }

  network(address: string | undefined): void {
    if (address !== undefined) this.#network.add(address);
  }

  text(...texts: readonly (string | undefined)[]): void {
    for (const text of texts) if (text !== undefined && this.#text.length < TEXTS_MAX) this.#text.push(text);
  }

  /** What an id in the clear part stands for. */
  label(id: string, names: readonly (string | undefined)[]): void {
    const label = names.filter((name) => name !== undefined).join(", ");
    if (label !== "") this.#labels.set(id, label);
  }

  content(persons: readonly DraftPerson[]): SealedContent {
    const identifiers = persons.flatMap((person) => person.identifiers.map(({ system, value }) => ({ system, value })));
    return {
      ...(identifiers.length === 0 ? {} : { identifiers }),
      ...(this.#names.size === 0 ? {} : { names: [...this.#names] }),
      ...(this.#network.size === 0 ? {} : { network: [...this.#network] }),
      ...(this.#text.length === 0 ? {} : { text: this.#text }),
      ...(this.#labels.size === 0 ? {} : { labels: Object.fromEntries(this.#labels) }),
    };
  }
}
