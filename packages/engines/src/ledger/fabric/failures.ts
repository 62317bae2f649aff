/** What went wrong on the way through a gateway, as the ledger's port names it. */
import { GatewayError } from "@hyperledger/fabric-gateway";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";

/** gRPC status codes (google.rpc.Code) that say that a peer did not pass a transaction on. */
const NOT_PASSED_ON: ReadonlySet<number> = new Set([
  3, // INVALID_ARGUMENT
  5, // NOT_FOUND
  7, // PERMISSION_DENIED
  8, // RESOURCE_EXHAUSTED: the gateway's own limit of calls
  9, // FAILED_PRECONDITION
  12, // UNIMPLEMENTED
  16, // UNAUTHENTICATED
]);

/** A response of our chaincode that is no answer: the host puts the error's code first (chaincode/src/fabric/host.ts). */
const CHAINCODE_RESPONSE = /chaincode response \d+, (LEDGER_REFUSED|INTEGRITY): (.*)$/s;
const TEXT_LENGTH_MAX = 600;

/** The error that our chaincode answered with, as the first peer that said so; undefined where none did. */
export function chaincodeError(error: unknown): MedtraceError | undefined {
  if (!(error instanceof GatewayError)) return undefined;
  for (const text of textsOf(error)) {
    const [, code, message = ""] = CHAINCODE_RESPONSE.exec(text) ?? [];
    if (code === undefined) continue;
    const hint = code === "LEDGER_REFUSED" ? "build the batch again from the stream's head" : "run fsck on the ledger";
    return new MedtraceError(code as ErrorCode, message, { hint, cause: error });
  }
  return undefined;
}

/** True where a submit that failed like this did not reach an orderer. */
export function isNotSent(error: unknown): boolean {
  return error instanceof GatewayError && NOT_PASSED_ON.has(error.code);
}

/** The error for a call that changed nothing; a MedtraceError stays as it is. */
export function unavailable(what: string, error: unknown): MedtraceError {
  if (error instanceof MedtraceError) return error;
  return new MedtraceError("LEDGER_UNAVAILABLE", `${what}: ${describe(error)}`, {
    hint: "see whether the gateway peers, their chaincode and the orderers run; nothing was anchored",
    cause: error,
  });
}

/** What peers said, in one line. */
export function describe(error: unknown): string {
  if (!(error instanceof GatewayError)) return (error as Error).message.slice(0, TEXT_LENGTH_MAX);
  return [...new Set(textsOf(error))].join("; ").slice(0, TEXT_LENGTH_MAX);
}

function textsOf(error: GatewayError): string[] {
  return [error.message, ...error.details.map(({ mspId, message }) => `${mspId}: ${message}`)];
}
