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
    const content: { -readonly [Member in keyof SealedContent]: SealedContent[Member] } = {};
    const identifiers = persons.flatMap((person) => person.identifiers.map(({ system, value }) => ({ system, value })));
    if (identifiers.length > 0) content.identifiers = identifiers;
    if (this.#names.size > 0) content.names = [...this.#names];
    if (this.#network.size > 0) content.network = [...this.#network];
    if (this.#text.length > 0) content.text = this.#text;
    if (this.#labels.size > 0) content.labels = Object.fromEntries(this.#labels);
    return content;
  }
}
