/** Terms of PROV-CONSTRAINTS (section 5): constants, and variables for what is not said; merging makes two terms one. */

/** A constant has a value; a variable has none until it is merged with a constant. */
export interface Term {
  /** Its place among the terms of its instance. */
  readonly place: number;
  parent: Term | undefined;
  readonly value: string | undefined;
}

/** The terms of one instance: a value is one term, so that terms that are one are the same object when resolved. */
export class Terms {
  readonly #constants = new Map<string, Term>();
  #count = 0;

  constant(value: string): Term {
    const known = this.#constants.get(value);
    if (known !== undefined) return known;
    const term = { place: this.#count++, parent: undefined, value };
    this.#constants.set(value, term);
    return term;
  }

  variable(): Term {
    return { place: this.#count++, parent: undefined, value: undefined };
  }
}

/** What a term has been merged into; terms that are one have the same. */
export function resolved(term: Term): Term {
  let root = term;
  while (root.parent !== undefined) root = root.parent;
  for (let at = term; at.parent !== undefined; ) {
    const next = at.parent;
    at.parent = root;
    at = next;
  }
  return root;
}

/** Whether the terms are one now; two different constants can not be. `changed` is told where they were not before. */
export function unify(a: Term, b: Term, changed: () => void): boolean {
  const [one, other] = [resolved(a), resolved(b)];
  if (one === other) return true;
  if (one.value !== undefined && other.value !== undefined) return false;
  const [variableTerm, target] = one.value === undefined ? [one, other] : [other, one];
  variableTerm.parent = target;
  changed();
  return true;
}

/** The constant that a term is; undefined while it is not known. */
export function constantOf(term: Term | undefined): string | undefined {
  return term === undefined ? undefined : resolved(term).value;
}
