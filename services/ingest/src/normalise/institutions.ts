/** Institutions by the names that messages use for them. */
import type { MappingContext } from "./draft.ts";

/** The institution that goes by this name; undefined where the directory does not know it. */
export function knownInstitution(name: string, { directory, institution }: MappingContext): string | undefined {
  if (name === "") return undefined;
  const found = directory.resolve(name);
  if (found !== name || found === institution) return found;
  // A name that is the institution's id resolves to itself, as an unknown one does; in other letter case it does not.
  const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
  return other !== name && directory.resolve(other) === name ? name : undefined;
}
