/** Identifiers as the vault keeps them: keyed hashes, so that what is at rest names nobody. */
import { type Bytes, utf8 } from "@medtrace/shared/model/bytes";
import { canonicalText } from "@medtrace/shared/model/canonical";
import type { Identifier, KeyProvider } from "@medtrace/shared/ports/vault";

/**
 * Keyed hash of an identifier as this institution uses it, 32 bytes. A shared one is the same for every institution.
 * Systems are compared without case, values as they are but for blanks around them.
 */
export function identifierHash(keys: KeyProvider, institution: string, { system, value, scope }: Identifier): Bytes {
  const space = scope === "shared" ? ["shared"] : ["local", institution];
  // Canonical JSON keeps the parts apart: no two lists give the same text.
  return keys.index(utf8(canonicalText([...space, system.trim().toLowerCase(), value.trim()])));
}
