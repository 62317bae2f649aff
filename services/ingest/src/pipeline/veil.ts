/**
 * Veiling: an id in the clear part that repeats a patient's identifier (a report numbered by the MRN, a URL that ends
 * in it) is replaced by its keyed digest. The same id always meets the same digest, so lineage still joins.
 */

/** A shorter value would veil ids that merely contain the same digits. */
const SEGMENT_LENGTH_MIN = 4;
const INSIDE_LENGTH_MIN = 6;

const UNRESERVED = /^[\w.!~*'()-]*$/;

export type Veil = (id: string, type: string) => string;

/**
 * A veil for one message.
 *
 * @param secrets the identifier values of every patient that the message names.
 * @param digest hex of a keyed digest of a text.
 */
export function createVeil(institution: string, secrets: readonly string[], digest: (text: string) => string): Veil {
  const hidden = [...new Set(secrets.flatMap(spellings))].filter((secret) => secret.length >= SEGMENT_LENGTH_MIN);
  if (hidden.length === 0) return (id) => id;
  return (id, type) =>
    hidden.some((secret) => shows(id, secret)) ? `${institution}/${type}/veiled-${digest(id)}` : id;
}

/** An identifier as it is, and as it stands in an id that was made of it. */
function spellings(secret: string): string[] {
  const trimmed = secret.trim();
  return UNRESERVED.test(trimmed) ? [trimmed] : [trimmed, encodeURIComponent(trimmed.toWellFormed())];
}

function shows(id: string, secret: string): boolean {
  if (!id.includes(secret)) return false;
  if (secret.length >= INSIDE_LENGTH_MIN) return true;
  return id.split(/[^\p{L}\p{N}]+/u).includes(secret);
}
