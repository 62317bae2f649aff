/** TLS of the MLLP listener: certificates from files, and whom a client certificate speaks for. */
import { readFile } from "node:fs/promises";
import type { PeerCertificate } from "node:tls";
import { MedtraceError } from "@medtrace/shared/errors";
import type { Directory } from "@medtrace/shared/model/directory";
import { knownInstitution } from "../normalise/institutions.ts";
import type { MllpTls } from "./server.ts";

/** Paths of PEM files. */
export interface MllpTlsFiles {
  /** The listener's certificate, and those that lead to its authority. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates; with them, every client needs one. */
  readonly clientCa: string | undefined;
}

const HANDSHAKE_MS_MAX = 20_000;
/** One entry of what Node prints of a subjectAltName; a value with unusual characters is a JSON string. */
const ALTERNATIVE = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/y;

/**
 * The listener's TLS, of at least version 1.2.
 *
 * @throws MedtraceError CONFIGURATION naming the variable whose file cannot be read.
 */
export async function loadMllpTls(files: MllpTlsFiles, directory: Directory): Promise<MllpTls> {
  const [cert, key, ca] = await Promise.all([
    pem("INGEST_MLLP_TLS_CERT", files.cert),
    pem("INGEST_MLLP_TLS_KEY", files.key),
    files.clientCa === undefined ? undefined : pem("INGEST_MLLP_TLS_CLIENT_CA", files.clientCa),
  ]);
  const options = { cert, key, minVersion: "TLSv1.2", handshakeTimeout: HANDSHAKE_MS_MAX } as const;
  if (ca === undefined) return { options };
  return {
    options: { ...options, ca, requestCert: true, rejectUnauthorized: true },
    institutionOf: (certificate) => institutionOfCertificate(certificate, directory),
  };
}

async function pem(variable: string, path: string): Promise<string> {
  try {
    const text = await readFile(path, "utf8");
    if (text.includes("-----BEGIN ")) return text;
  } catch (cause) {
    throw unreadable(variable, path, (cause as Error).message, cause);
  }
  throw unreadable(variable, path, "it is not PEM");
}

function unreadable(variable: string, path: string, why: string, cause?: unknown): MedtraceError {
  return new MedtraceError("CONFIGURATION", `the file cannot be used: ${why}`, {
    at: `${variable}=${path}`,
    hint: "docs/configuration.md says what it wants",
    cause,
  });
}

/**
 * The institution that a client certificate names: by a URI or DNS name of it (RFC 5280 section 4.2.1.6), else by its
 * common name. Undefined where the directory knows none of them, or where they are those of different institutions.
 */
export function institutionOfCertificate(
  { subject, subjectaltname }: Pick<PeerCertificate, "subject" | "subjectaltname">,
  directory: Directory,
): string | undefined {
  const commonNames = [subject?.CN ?? []].flat();
  for (const names of [alternatives(subjectaltname ?? ""), commonNames]) {
    const context = { directory, institution: "", zone: "" };
    const known = new Set(names.flatMap((name) => knownInstitution(name, context) ?? []));
    const [institution] = known;
    if (institution !== undefined) return known.size === 1 ? institution : undefined;
  }
  return undefined;
}

function alternatives(text: string): string[] {
  const names: string[] = [];
  ALTERNATIVE.lastIndex = 0;
  for (let match = ALTERNATIVE.exec(text); match !== null; match = ALTERNATIVE.exec(text)) {
    const [, kind, value = ""] = match;
    if (kind !== "URI" && kind !== "DNS") continue;
    names.push(value.startsWith('"') ? (JSON.parse(value) as string) : value);
  }
  return names;
}
