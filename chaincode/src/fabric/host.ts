/**
 * The contract on Fabric: a transaction's function and arguments to a call of the contract, and its answer to a
 * response. Every endorser must come to the same bytes, so nothing here looks at a clock, a setting or a map's order.
 */
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import type { Batch, BatchRef } from "@medtrace/shared/model/batch";
import { utf8 } from "@medtrace/shared/model/bytes";
import { canonicalBytes, type Json } from "@medtrace/shared/model/canonical";
import type { QueryContext, StateEntry, SubmitContext } from "../context.ts";
import { anchorBatch, listStreams, readBatch, readHead, verifyInclusion } from "../contract.ts";

/** A batch is about 400 bytes, an audit path of 53 hashes under 4 KB. */
const ARGUMENT_LENGTH_MAX = 16_384;
const OK = 200;
const ERROR = 500;

/** What the host uses of Fabric's stub (fabric-shim's ChaincodeStub). */
export interface Stub {
  getFunctionAndParameters(): { readonly fcn: string; readonly params: readonly string[] };
  getTxID(): string;
  getCreator(): { readonly mspid: string };
  /** No bytes where the key was never written. */
  getState(key: string): Promise<Uint8Array>;
  putState(key: string, value: Uint8Array): Promise<void>;
  /** Keys from `start` up to, without, `end`. */
  getStateByRange(start: string, end: string): AsyncIterable<{ readonly key: string; readonly value: Uint8Array }>;
  setEvent(name: string, payload: Uint8Array): void;
}

export interface Response {
  readonly status: number;
  readonly message: string;
  readonly payload: Uint8Array;
}

type Call = (stub: Stub, args: readonly string[]) => Promise<unknown>;

/** Function names as Fabric clients give them, with how many arguments each takes. */
const FUNCTIONS: ReadonlyMap<string, { readonly count: number; readonly call: Call }> = new Map([
  ["anchorBatch", { count: 1, call: (stub, [batch]) => anchorBatch(submitContext(stub), parse(batch) as Batch) }],
  ["readBatch", { count: 3, call: (stub, args) => readBatch(queryContext(stub), refOf(args)) }],
  ["readHead", { count: 2, call: (stub, [owner = "", stream = ""]) => readHead(queryContext(stub), owner, stream) }],
  ["listStreams", { count: 0, call: (stub) => listStreams(queryContext(stub)) }],
  ["verifyInclusion", { count: 6, call: (stub, args) => verifyInclusion(queryContext(stub), claimOf(args)) }],
]);

/**
 * Runs one transaction or query. The response's payload is canonical JSON of what the contract gave, empty where it
 * gave nothing; what it refused is a response of status 500, whose message begins with the error's code.
 */
export async function invoke(stub: Stub): Promise<Response> {
  try {
    const { fcn, params } = stub.getFunctionAndParameters();
    const known = FUNCTIONS.get(fcn);
    if (known === undefined) throw refused(`there is no function ${JSON.stringify(fcn.slice(0, 80))}`);
    if (params.length !== known.count) throw refused(`${fcn} takes ${known.count} arguments, not ${params.length}`);
    if (params.some((text) => text.length > ARGUMENT_LENGTH_MAX)) {
      throw refused(`an argument of ${fcn} is longer than ${ARGUMENT_LENGTH_MAX}`);
    }
    const result = await known.call(stub, params);
    const payload = result === undefined ? new Uint8Array() : canonicalBytes(result as Json);
    return { status: OK, message: "", payload };
  } catch (error) {
    return { status: ERROR, message: describe(error), payload: new Uint8Array() };
  }
}

function queryContext(stub: Stub): QueryContext {
  return {
    getState: (key) => stateOf(stub, key),
    list: (prefix) => entriesOf(stub, prefix),
  };
}

function submitContext(stub: Stub): SubmitContext {
  return {
    submitter: stub.getCreator().mspid,
    transaction: stub.getTxID(),
    getState: (key) => stateOf(stub, key),
    putState: (key, value) => stub.putState(key, value),
    emit: ({ name, ...rest }) => stub.setEvent(name, canonicalBytes(rest as unknown as Json)),
  };
}

async function stateOf(stub: Stub, key: string): Promise<Uint8Array | undefined> {
  const value = await stub.getState(key);
  return value.length === 0 ? undefined : value;
}

/** Keys are ASCII (contract.ts), so Fabric's order by UTF-8 bytes is that by code units. */
async function* entriesOf(stub: Stub, prefix: string): AsyncGenerator<StateEntry> {
  const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
  for await (const { key, value } of stub.getStateByRange(prefix, end)) yield { key, value };
}

function refOf([owner = "", stream = "", sequence = ""]: readonly string[]): BatchRef {
  return { owner, stream, sequence: wholeNumber(sequence) };
}

function claimOf(args: readonly string[]): Parameters<typeof verifyInclusion>[1] {
  const [, , , leaf = "", index = "", pathText] = args;
  const path = parse(pathText);
  if (!Array.isArray(path) || !path.every((hash) => typeof hash === "string")) {
    throw refused("an audit path is a JSON array of hashes");
  }
  return { ...refOf(args), leaf, index: wholeNumber(index), path };
}

/** NaN, which names nothing, for whatever is not a decimal integer >= 0. */
function wholeNumber(text: string): number {
  return /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    throw refused("the argument is not JSON");
  }
}

function describe(error: unknown): string {
  if (!hasCode(error, "LEDGER_REFUSED", "INTEGRITY")) return `STORAGE_FAILED: ${(error as Error).message}`;
  return `${error.code}: ${error.at === undefined ? "" : `${error.at}: `}${error.message}`;
}

function refused(message: string): MedtraceError {
  return new MedtraceError("LEDGER_REFUSED", message);
}

/** What Fabric's lifecycle may ask of a chaincode before its first transaction: there is nothing to prepare. */
export async function init(): Promise<Response> {
  return { status: OK, message: "", payload: utf8("") };
}
