/**
 * Links to the next page: the search itself, encrypted, so that no URL repeats what a caller searched for, and bound to
 * whoever asked, so that nobody else can follow them.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import { utf8 } from "@medtrace/shared/model/bytes";
import type { KeyProvider } from "@medtrace/shared/ports/vault";
import type { Place } from "../cursor.ts";
import type { Search } from "./find.ts";

export interface PageOf {
  readonly search: Search;
  readonly place: Place;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Servers and proxies take URLs of so many characters. */
export const PAGE_CHARACTERS_MAX = 12_000;

/**
 * The value of `_page` for a page.
 *
 * @param scope what tells callers of different scopes apart.
 * @throws MedtraceError INPUT_TOO_LARGE where the search is too long to be a link.
 */
export function pageLink(keys: KeyProvider, scope: string, page: PageOf): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", keyOf(keys), iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(utf8(scope));
  const data = Buffer.concat([iv, cipher.update(JSON.stringify(page), "utf8"), cipher.final(), cipher.getAuthTag()]);
  const text = data.toString("base64url");
  if (text.length <= PAGE_CHARACTERS_MAX) return text;
  throw new MedtraceError("INPUT_TOO_LARGE", "the search names too much for a link to its next page", {
    at: "search",
    hint: "ask for fewer values at once",
  });
}

/** @throws MedtraceError INPUT_INVALID where this is none of the caller's links. */
export function pageOf(keys: KeyProvider, scope: string, text: string): PageOf {
  const data = Buffer.from(text, "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", keyOf(keys), data.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(utf8(scope));
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    const clear = Buffer.concat([decipher.update(data.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
    return JSON.parse(clear.toString("utf8")) as PageOf;
  } catch (cause) {
    throw new MedtraceError("INPUT_INVALID", "this page does not belong to a search of yours", {
      at: "_page",
      hint: "follow the link next of the page before, with a token of the same institution",
      cause,
    });
  }
}

function keyOf(keys: KeyProvider): ReturnType<typeof createSecretKey> {
  return createSecretKey(keys.index(utf8("medtrace fhir page link")));
}
