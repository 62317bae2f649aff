/** Keys in files, for one machine: 32 random bytes for each institution and one index key, mode 0600. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { join } from "node:path";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Bytes, utf8 } from "@medtrace/shared/model/bytes";
import { hmacSha256 } from "@medtrace/shared/model/hmac";
import type { KeyProvider } from "@medtrace/shared/ports/vault";
import { secretFile } from "../secret-file.ts";

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const INSTITUTION = /^[A-Za-z0-9._-]{1,64}$/;

interface InstitutionKeys {
  readonly wrapping: Bytes;
  readonly digest: (bytes: Bytes) => Bytes;
}

/** The key provider over a folder; an institution's key is made at first need. */
export function openFileKeyProvider(folder: string): KeyProvider {
  const index = hmacSha256(secretFile(join(folder, "index.key"), KEY_BYTES));
  const known = new Map<string, InstitutionKeys>();
  const keysOf = (institution: string): InstitutionKeys => {
    const found = known.get(institution);
    if (found !== undefined) return found;
    if (!INSTITUTION.test(institution)) throw new RangeError(`not an institution: ${institution.slice(0, 80)}`);
    const derive = hmacSha256(secretFile(join(folder, `institution-${institution}.key`), KEY_BYTES));
    // Two keys from one secret, so that a digest says nothing about the wrapping key.
    const keys = {
      wrapping: derive(utf8("medtrace wrapping 1")),
      digest: hmacSha256(derive(utf8("medtrace digest 1"))),
    };
    known.set(institution, keys);
    return keys;
  };
  return {
    wrap(institution, dataKey) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv("aes-256-gcm", keysOf(institution).wrapping, iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(utf8(institution));
      return Buffer.concat([iv, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
    },
    unwrap(institution, wrapped) {
      try {
        const iv = wrapped.subarray(0, IV_BYTES);
        const decipher = createDecipheriv("aes-256-gcm", keysOf(institution).wrapping, iv, {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(utf8(institution));
        decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
        return Buffer.concat([decipher.update(wrapped.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch (cause) {
        throw new MedtraceError("INTEGRITY", `a data key does not open with the key of ${institution}`, {
          hint: "the keys folder and the vault do not belong together",
          cause,
        });
      }
    },
    digest: (institution, bytes) => keysOf(institution).digest(bytes),
    index,
  };
}
