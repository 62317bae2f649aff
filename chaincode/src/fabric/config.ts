/** Settings of the chaincode server; the only file of the chaincode that reads process.env. */
import { type Environment, readSettings } from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";
import { z } from "zod";

/** Paths of PEM files. */
export interface ChaincodeTls {
  readonly key: string;
  readonly certificate: string;
  /** The CA of the peers that may connect. */
  readonly clientCa: string;
}

export interface ChaincodeSettings {
  /** Package id, as the peers know the installed chaincode. */
  readonly id: string;
  /** Host and port that the peers connect to. */
  readonly address: string;
  /** Undefined: the server listens in clear, to whoever connects. */
  readonly tls: ChaincodeTls | undefined;
}

const shape = {
  CHAINCODE_ID: z.string({ error: "wants the package id: peer lifecycle chaincode calculatepackageid PACKAGE" }),
  CHAINCODE_SERVER_ADDRESS: z
    .string()
    .regex(/^[^\s:]+:\d{1,5}$/, "wants host:port")
    .default("127.0.0.1:7052"),
  CHAINCODE_TLS_KEY: z.string().optional(),
  CHAINCODE_TLS_CERTIFICATE: z.string().optional(),
  CHAINCODE_TLS_CLIENT_CA: z.string().optional(),
};

/** @throws MedtraceError CONFIGURATION */
export function chaincodeSettings(env: Environment = process.env): ChaincodeSettings {
  const settings = readSettings(shape, env);
  const {
    CHAINCODE_TLS_KEY: key,
    CHAINCODE_TLS_CERTIFICATE: certificate,
    CHAINCODE_TLS_CLIENT_CA: clientCa,
  } = settings;
  const place = { id: settings.CHAINCODE_ID, address: settings.CHAINCODE_SERVER_ADDRESS };
  if (key !== undefined && certificate !== undefined && clientCa !== undefined) {
    return { ...place, tls: { key, certificate, clientCa } };
  }
  if (key === undefined && certificate === undefined && clientCa === undefined) return { ...place, tls: undefined };
  throw new MedtraceError("CONFIGURATION", "TLS of the chaincode server wants three files", {
    at: "CHAINCODE_TLS_KEY, CHAINCODE_TLS_CERTIFICATE, CHAINCODE_TLS_CLIENT_CA",
    hint: "set all of them, or none",
  });
}
