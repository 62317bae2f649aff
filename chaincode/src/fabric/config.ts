/** Settings of the chaincode server; the only file of the chaincode that reads process.env. */
import { type Environment, readSettings } from "@medtrace/shared/config";
import { z } from "zod";

export interface ChaincodeSettings {
  /** Package id, as the peers know the installed chaincode. */
  readonly id: string;
  /** Host and port that the peers connect to. */
  readonly address: string;
}

const shape = {
  CHAINCODE_ID: z.string({ error: "wants the package id: peer lifecycle chaincode calculatepackageid PACKAGE" }),
  CHAINCODE_SERVER_ADDRESS: z
    .string()
    .regex(/^[^\s:]+:\d{1,5}$/, "wants host:port")
    .default("127.0.0.1:7052"),
};

/** @throws MedtraceError CONFIGURATION */
export function chaincodeSettings(env: Environment = process.env): ChaincodeSettings {
  const settings = readSettings(shape, env);
  return { id: settings.CHAINCODE_ID, address: settings.CHAINCODE_SERVER_ADDRESS };
}
