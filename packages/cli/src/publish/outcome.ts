/** What became of the parts of a file: lines, messages, entries, or the one resource that it is. */
import { type Problem, parseObject, problemOf, type ServiceAnswer } from "../http.ts";

export interface Outcome {
  readonly status: "accepted" | "duplicate" | "refused";
  /** Place in the file, such as `line 12`; empty where the file is one thing. */
  readonly at: string;
  readonly flags: readonly string[];
  /** Why it was refused. */
  readonly problem?: Problem;
}

/** What an answer told of a request. */
export interface Told {
  readonly outcomes: readonly Outcome[];
  /** What is wrong around the parts, such as a batch trailer with another count. */
  readonly notes: readonly Problem[];
}

interface Item {
  readonly status: "accepted" | "duplicate" | "conflict" | "refused";
  readonly flags?: readonly string[];
  readonly error?: Problem;
}

const CONFLICT: Problem = {
  code: "EVENT_CONFLICT",
  message: "an event of this id was already taken with other content",
  hint: "give the changed event an id of its own; the attempt is on record",
};
const TRANSIENT: ReadonlySet<string> = new Set(["BUSY", "RATE_LIMITED", "STORAGE_FAILED"]);

/** Whether sending it again later may change what became of it. */
export function mayPassLater({ problem }: Outcome): boolean {
  return problem !== undefined && TRANSIENT.has(problem.code);
}

/** A refusal of the whole request. */
export function refusedWhole(problem: Problem): Told {
  return { outcomes: [{ status: "refused", at: "", flags: [], problem }], notes: [] };
}

/** Of POST /hl7v2 with `Accept: application/json`. @param first number of the first message in the file. */
export function toldOfMessages(answer: ServiceAnswer, first: number): Told {
  const body = parseObject(answer.text) as
    | { messages?: readonly (Item & { readonly controlId?: string })[]; faults?: readonly Problem[] }
    | undefined;
  if (body?.messages === undefined) return refusedWhole(problemOf(answer.text));
  const { messages, faults = [] } = body;
  const alone = messages.length === 1 && first === 1;
  return {
    outcomes: messages.map((message, place) => {
      const id = message.controlId === undefined ? "" : ` (MSH-10 ${message.controlId})`;
      return outcomeOf(message, alone ? "" : `message ${first + place}${id}`);
    }),
    notes: faults,
  };
}

/** Of POST /fhir/$ingest: one line for each. @param first number of the first line in the file. */
export function toldOfLines(answer: ServiceAnswer, first: number): Told {
  if (answer.status !== 200) return refusedWhole(problemOf(answer.text));
  const lines = answer.text.split("\n").filter((line) => line !== "");
  return {
    outcomes: lines.map((line) => {
      const item = JSON.parse(line) as Item & { readonly line: number };
      return outcomeOf(item, `line ${first + item.line - 1}`);
    }),
    notes: [],
  };
}

/** Of POST /fhir with a Bundle: an entry for each of its own. */
export function toldOfBundle(answer: ServiceAnswer): Told {
  const entries = answer.status === 200 ? parseObject(answer.text)?.["entry"] : undefined;
  if (!Array.isArray(entries)) return refusedWhole(problemOf(answer.text));
  const outcomes = (entries as readonly { response: { status: string; outcome: unknown } }[]).map(
    ({ response }, place) =>
      outcomeOfResponse(response.status, JSON.stringify(response.outcome), `Bundle.entry[${place}]`),
  );
  return { outcomes, notes: [] };
}

/** Of POST /fhir/AuditEvent and its like. */
export function toldOfResource(answer: ServiceAnswer): Told {
  return { outcomes: [outcomeOfResponse(String(answer.status), answer.text, "")], notes: [] };
}

function outcomeOfResponse(status: string, text: string, at: string): Outcome {
  if (!/^20[01]\b/.test(status)) return { status: "refused", at, flags: [], problem: problemOf(text) };
  const issues = parseObject(text)?.["issue"] as readonly { severity?: string; diagnostics?: string }[] | undefined;
  const flags = (issues ?? [])
    .filter(({ severity }) => severity === "warning")
    .map(({ diagnostics = "" }) => diagnostics);
  return { status: status.startsWith("201") ? "accepted" : "duplicate", at, flags };
}

function outcomeOf({ status, flags = [], error }: Item, at: string): Outcome {
  if (status === "conflict") return { status: "refused", at, flags, problem: CONFLICT };
  return { status, at, flags, ...(error === undefined ? {} : { problem: error }) };
}
