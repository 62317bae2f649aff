/** PEM files that settings name, for engines that are reached by TLS. */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { MedtraceError } from "@medtrace/shared/errors";

/** Paths of PEM files, as variables name them. */
export interface TlsFiles {
  /** Authorities of the servers' certificates; the system's where it is not set. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * The options of a TLS connection with these files, read once.
 *
 * @param prefix what the variables begin with, such as `KAFKA_TLS`.
 * @throws MedtraceError CONFIGURATION for a certificate without its key, or a file that cannot be read.
 */
export function tlsOptions(prefix: string, { ca, cert, key }: TlsFiles): ConnectionOptions {
  if ((cert === undefined) !== (key === undefined)) {
    const missing = `${prefix}_${cert === undefined ? "CERT" : "KEY"}`;
    throw wrongSetting(missing, "is missing", "a client's certificate and its key come together");
  }
  return {
    minVersion: "TLSv1.2",
    ...(ca === undefined ? {} : { ca: textOf(`${prefix}_CA`, ca) }),
    ...(cert === undefined ? {} : { cert: textOf(`${prefix}_CERT`, cert) }),
    ...(key === undefined ? {} : { key: textOf(`${prefix}_KEY`, key) }),
  };
}

/** The text of the file that a variable names. @throws MedtraceError CONFIGURATION where it cannot be read. */
export function textOf(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    throw wrongSetting(name, `names a file that cannot be read (${code})`, "see its path and who may read it", cause);
  }
}

/** A variable that says something wrong. */
export function wrongSetting(at: string, what: string, hint: string, cause?: unknown): MedtraceError {
  return new MedtraceError("CONFIGURATION", `${at}: ${what}`, { at, hint, cause });
}
