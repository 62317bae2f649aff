/** Terms of PROV-CONSTRAINTS (section 5): constants, and variables for what is not said; merging makes two terms one. */

/** A constant has a value; a variable has none until it is merged with a constant. */
export interface Term {
  parent: Term | undefined;
  readonly value: string | undefined;
}

export function constant(value: string): Term {
  return { parent: undefined, value };
}

export function variable(): Term {
  return { parent: undefined, value: undefined };
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
  if (one.value !== undefined && other.value !== undefined) return one.value === other.value;
  const [variableTerm, target] = one.value === undefined ? [one, other] : [other, one];
  variableTerm.parent = target;
  changed();
  return true;
}

/** The constant that a term is; undefined while it is not known. */
export function constantOf(term: Term | undefined): string | undefined {
  return term === undefined ? undefined : resolved(term).value;
}
