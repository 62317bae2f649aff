/** Sends pieces of files to ingest until it is known what became of each part. */
import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { parseObject, type Service, type ServiceRequest } from "../http.ts";
import {
  mayPassLater,
  type Outcome,
  refusedWhole,
  type Told,
  toldOfBundle,
  toldOfLines,
  toldOfMessages,
  toldOfResource,
} from "./outcome.ts";
import type { Piece } from "./pieces.ts";

export interface Sender {
  messages(piece: Piece): Promise<Told>;
  lines(piece: Piece): Promise<Told>;
  resource(resourceType: string, bytes: Uint8Array): Promise<Told>;
}

export interface SenderOptions {
  readonly ingest: Service;
  /** The token to send with; asked for before each request. */
  readonly token: () => Promise<string>;
  readonly retry_s: number;
  readonly signal: AbortSignal;
}

const FHIR_JSON = "application/fhir+json";
const AGAIN_MS = 500;

export function createSender({ ingest, token, retry_s, signal }: SenderOptions): Sender {
  const post = async (request: Omit<ServiceRequest, "method" | "token">) =>
    await ingest.request({ method: "POST", token: await token(), ...request });

  /** Sends again while ingest says of a part that it may pass later; what it said of the others before stays. */
  const settle = async (send: () => Promise<Told>): Promise<Told> => {
    const deadline_ms = performance.now() + retry_s * 1_000;
    let told = await send();
    while (told.outcomes.some(mayPassLater)) {
      if (performance.now() > deadline_ms || signal.aborted) throw stayedBusy(told.outcomes, retry_s);
      await wait(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      const again = await send();
      told = { ...again, outcomes: again.outcomes.map((outcome, place) => settled(told.outcomes[place], outcome)) };
    }
    return told;
  };

  return {
    messages: (piece) =>
      settle(async () =>
        toldOfMessages(
          await post({
            path: "/hl7v2",
            body: piece.bytes,
            contentType: "application/hl7-v2",
            accept: "application/json",
            isPartial: (text) => parseObject(text)?.["messages"] !== undefined,
          }),
          piece.first,
        ),
      ),
    lines: (piece) =>
      settle(async () =>
        toldOfLines(
          await post({ path: "/fhir/$ingest", body: piece.bytes, contentType: "application/fhir+ndjson" }),
          piece.first,
        ),
      ),
    resource: async (resourceType, bytes) => {
      switch (resourceType) {
        case "AuditEvent":
        case "Provenance":
          return toldOfResource(await post({ path: `/fhir/${resourceType}`, body: bytes, contentType: FHIR_JSON }));
        case "Bundle":
          return toldOfBundle(await post({ path: "/fhir", body: bytes, contentType: FHIR_JSON }));
        default:
          return refusedWhole({
            code: "INPUT_UNSUPPORTED",
            message: `a ${/^[A-Z][A-Za-z]{1,63}$/.test(resourceType) ? resourceType : "resource of this type"} is not taken`,
            at: "resourceType",
            hint: "AuditEvents, Provenances and Bundles of them are",
          });
      }
    },
  };
}

function settled(before: Outcome | undefined, now: Outcome): Outcome {
  return before === undefined || mayPassLater(before) ? now : before;
}

function stayedBusy(outcomes: readonly Outcome[], retry_s: number): Failure {
  const waiting = outcomes.find(mayPassLater);
  return new Failure(`ingest did not take everything within ${retry_s} s: ${waiting?.problem?.message}`, {
    at: waiting?.at,
    hint: "run again later: what was taken is not taken twice",
  });
}
