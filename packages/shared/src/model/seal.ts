/** Sealing: what identifies a person, under AES-256-GCM and the data key of (institution, subject). */
import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import { MedtraceError } from "../errors.ts";
import { base64url, utf8 } from "./bytes.ts";
import type { SealedContent, SealedPart } from "./trace-event.ts";

export const SEAL_IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals content for one event (NIST SP 800-38D); the event's id is bound as additional data.
 *
 * @param key AES-256 data key of (institution, `subject`).
 * @param iv 12 bytes, never used before under this key.
 */
export function seal(content: SealedContent, key: KeyObject, subject: string, id: string, iv: Uint8Array): SealedPart {
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(utf8(id));
  const data = Buffer.concat([cipher.update(JSON.stringify(content), "utf8"), cipher.final(), cipher.getAuthTag()]);
  return { alg: "A256GCM", subject, iv: base64url(iv), data: base64url(data) };
}

/**
 * Opens a sealed part.
 *
 * @throws MedtraceError INTEGRITY where key, id or bytes are not those it was sealed with.
 */
export function unseal(sealed: SealedPart, key: KeyObject, id: string): SealedContent {
  const data = Buffer.from(sealed.data, "base64url");
  try {
    const iv = Buffer.from(sealed.iv, "base64url");
    const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(utf8(id));
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    const clear = Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]);
    return JSON.parse(clear.toString("utf8")) as SealedContent;
  } catch (cause) {
    throw new MedtraceError("INTEGRITY", "the sealed part does not open with this key", { at: id, cause });
  }
}
