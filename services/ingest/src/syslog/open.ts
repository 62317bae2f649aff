/** The syslog listener as ingest runs it: its certificates read from files. */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { MedtraceError } from "@medtrace/shared/errors";
import type { Directory } from "@medtrace/shared/model/directory";
import { institutionOfCertificate } from "../mllp/tls.ts";
import type { SyslogSettings } from "./config.ts";
import type { SyslogLog } from "./connection.ts";
import { type SyslogListener, type SyslogTls, startSyslog } from "./server.ts";
import type { Take } from "./take.ts";

export interface SyslogParts {
  readonly settings: SyslogSettings;
  readonly tls: SyslogTls;
  readonly host: string;
  readonly directory: Directory;
  readonly take: Take;
  readonly log: SyslogLog;
}

/** @throws MedtraceError CONFIGURATION naming the variable whose file cannot be read or used. */
export async function loadSyslogTls({ cert, key, clientCa, tlsVersionMax }: SyslogSettings): Promise<SyslogTls> {
  const tls = {
    maxVersion: tlsVersionMax,
    cert: await pem("INGEST_SYSLOG_TLS_CERT", cert),
    key: await pem("INGEST_SYSLOG_TLS_KEY", key),
    ca: await pem("INGEST_SYSLOG_TLS_CLIENT_CA", clientCa),
  };
  try {
    createSecureContext(tls);
    return tls;
  } catch (cause) {
    throw new MedtraceError("CONFIGURATION", `syslog over TLS cannot start: ${(cause as Error).message}`, {
      at: "INGEST_SYSLOG_TLS_CERT, INGEST_SYSLOG_TLS_KEY, INGEST_SYSLOG_TLS_CLIENT_CA",
      hint: "give a key and a certificate, in PEM, that belong together",
      cause,
    });
  }
}

/**
 * Starts listening.
 *
 * @throws the error of `listen`, such as EADDRINUSE.
 */
export function openSyslog({ settings, tls, host, directory, take, log }: SyslogParts): Promise<SyslogListener> {
  return startSyslog({
    host,
    port: settings.port,
    tls,
    institutionOf: (certificate) => institutionOfCertificate(certificate, directory),
    take,
    limits: { messageBytesMax: settings.messageBytesMax },
    log,
  });
}

async function pem(variable: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MedtraceError("CONFIGURATION", "a file of TLS cannot be read", {
      at: `${variable}=${path}`,
      hint: "name a PEM file that this process may read",
      cause,
    });
  }
}
