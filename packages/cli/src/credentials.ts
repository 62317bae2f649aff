/** The token that a command shows: one that is given, else one that the embedded issuer signs. */
import { openIssuer } from "@medtrace/service-kit/issuer";
import type { Scope } from "@medtrace/service-kit/scopes";
import type { CliSettings } from "./config.ts";

export interface Credentials {
  /** The token to speak for an institution with; the same one again until it nears its end. */
  token(institution: string): Promise<string>;
}

const TOKEN_S = 900;
/** A token is renewed when this much of its time is left. */
const SPARE_S = 120;

/**
 * @param given a token that is used whatever the institution.
 * @param scopes what signed tokens allow.
 */
export function credentials(settings: CliSettings, given: string | undefined, scopes: readonly Scope[]): Credentials {
  const fixed = given ?? settings.token;
  if (fixed !== undefined) return { token: async () => fixed };
  const opened = openOnce(() => openIssuer({ data: settings.data, ...settings.auth }));
  const signed = new Map<string, { readonly token: string; readonly until_ms: number }>();
  return {
    token: async (institution) => {
      const known = signed.get(institution);
      if (known !== undefined && known.until_ms > Date.now()) return known.token;
      const issuer = await opened();
      const token = await issuer.issueToken({ institution, scopes, subject: "medtrace-cli", expires_s: TOKEN_S });
      signed.set(institution, { token, until_ms: Date.now() + (TOKEN_S - SPARE_S) * 1_000 });
      return token;
    },
  };
}

function openOnce<T>(open: () => Promise<T>): () => Promise<T> {
  let opening: Promise<T> | undefined;
  return () => {
    opening ??= open();
    return opening;
  };
}
