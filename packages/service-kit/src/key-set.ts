/** The issuer's public keys: a JWK set (RFC 7517) in a file or at a URL. Keys may change while the service runs. */
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { MedtraceError } from "@medtrace/shared/errors";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
  type LocalJWKSet,
} from "jose";

export interface KeySet {
  /** The key that a token's header names. @throws MedtraceError BUSY where the set cannot be read right now. */
  readonly key: JWTVerifyGetKey;
  /** What is missing, in words; empty where the set can be read. */
  missing(): Promise<readonly string[]>;
}

/** How often a file is looked at, at most: tokens with unknown keys must not make disk work. */
const LOOK_MS_MIN = 1_000;
const FILE_BYTES_MAX = 1_048_576;

/** @param jwks `file:` and a path (or a file URL), or an http(s) URL. */
export function openKeySet(jwks: string): KeySet {
  if (!jwks.startsWith("file:")) return remoteKeySet(new URL(jwks));
  return fileKeySet(jwks.startsWith("file://") ? fileURLToPath(jwks) : jwks.slice("file:".length));
}

function remoteKeySet(url: URL): KeySet {
  const remote = createRemoteJWKSet(url, { cooldownDuration: 5_000 });
  return {
    key: async (header, token) => {
      try {
        return await remote(header, token);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
        throw unavailable(error);
      }
    },
    missing: async () => {
      if (remote.jwks() !== undefined) return [];
      return remote.reload().then(
        () => [],
        () => ["AUTH_JWKS: the issuer's keys cannot be fetched"],
      );
    },
  };
}

function fileKeySet(path: string): KeySet {
  let loaded: { readonly keys: LocalJWKSet; readonly version: string } | undefined;
  let looked_ms = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const { mtimeMs, size, ino } = await stat(path);
    const version = `${ino}:${mtimeMs}:${size}`;
    if (version === loaded?.version) return;
    if (size > FILE_BYTES_MAX) throw new RangeError("the JWK set is too large");
    loaded = { keys: createLocalJWKSet(JSON.parse(await readFile(path, "utf8")) as JSONWebKeySet), version };
  };
  /** Looks at the file again, unless that was done a moment ago; one look serves all who wait. */
  const refresh = async (): Promise<void> => {
    if (looking === undefined && performance.now() - looked_ms >= LOOK_MS_MIN) {
      looked_ms = performance.now();
      looking = look().finally(() => {
        looking = undefined;
      });
    }
    await looking;
  };
  return {
    key: async (header, token) => {
      // What was loaded before stays good while the file cannot be read.
      await refresh().catch((error: unknown) => {
        if (loaded === undefined) throw unavailable(error);
      });
      if (loaded === undefined) throw unavailable(undefined);
      return loaded.keys(header, token);
    },
    missing: async () => {
      await refresh().catch(() => undefined);
      return loaded === undefined ? ["AUTH_JWKS: the file of the issuer's keys cannot be read"] : [];
    },
  };
}

function unavailable(cause: unknown): MedtraceError {
  return new MedtraceError("BUSY", "the issuer's keys cannot be had right now", {
    at: "AUTH_JWKS",
    hint: "try again; if it lasts, see /readyz",
    cause,
  });
}
