/**
 * Directory of institutions: maps what messages call a facility (HL7 facility codes, OIDs, FHIR Organization
 * references) and what connections show (client certificate names, MSP ids) to institutions. Identifier systems that
 * name the same person at every institution are listed as shared.
 */
export interface DirectoryInstitution {
  readonly id: string;
  /** Every name that messages use for it, compared without case. */
  readonly aliases: readonly string[];
}

export interface DirectoryFile {
  readonly institutions: readonly DirectoryInstitution[];
  /** Identifier systems (URI, OID, assigning authority or HL7 table 0203 type) shared by all institutions. */
  readonly sharedIdentifierSystems: readonly string[];
}

export interface Directory {
  /** The institution that goes by this name, or the name itself, trimmed, where none does. */
  resolve(name: string): string;
  isShared(system: string): boolean;
}

/** A directory over a file's content. Names are compared trimmed and without case. */
export function createDirectory(file: DirectoryFile): Directory {
  const key = (name: string): string => name.trim().toLowerCase();
  const byName = new Map<string, string>();
  for (const institution of file.institutions) {
    for (const name of [institution.id, ...institution.aliases]) byName.set(key(name), institution.id);
  }
  const shared = new Set(file.sharedIdentifierSystems.map(key));
  return {
    resolve: (name) => byName.get(key(name)) ?? name.trim(),
    isShared: (system) => shared.has(key(system)),
  };
}
