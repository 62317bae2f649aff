/** The ids of events before they are taken, and the names that conditional creates give them. */
import { hex } from "@medtrace/shared/model/bytes";
import { eventId } from "@medtrace/shared/model/trace-event";
import type { KeyProvider, Vault } from "@medtrace/shared/ports/vault";
import type { Draft } from "../normalise/draft.ts";
import { invalid } from "./element.ts";
import type { Taken } from "./operation-outcome.ts";

const CRITERIA_CHARACTERS_MAX = 2_048;

export interface Naming {
  /** The id that the event of a draft has once it is taken. */
  idOf(institution: string, draft: Draft): string;
  /**
   * The draft of a conditional create (FHIR R4, 3.1.0.8.1), under the name that the criteria give it. AuditEvent and
   * Provenance carry no identifier to search for, and who asks for this wants to be sure that what is sent again makes
   * nothing new. So the criteria are the event's name: what the same system of the same institution creates under the same
   * criteria is one event, the first.
   *
   * @throws MedtraceError INPUT_INVALID at `at` where there are no criteria.
   */
  named(draft: Draft, institution: string, criteria: string, at: string): Draft;
  /** What was already taken under each draft's name, in order; undefined where nothing was. */
  known(institution: string, drafts: readonly Draft[]): Promise<readonly (Taken | undefined)[]>;
}

/** @param vault where receipts are; `keys` digest sources, and criteria, which may hold an identifier of a person. */
export function createNaming(vault: Pick<Vault, "receipts">, keys: Pick<KeyProvider, "digest">): Naming {
  const idOf: Naming["idOf"] = (institution, { system, messageId, index, raw }) => {
    const message = messageId ?? `digest:hmac-sha256:${hex(keys.digest(institution, raw))}`;
    return eventId(institution, system, message, index);
  };
  return {
    idOf,
    named(draft, institution, criteria, at) {
      const text = Buffer.from(`${draft.type}?${normalised(criteria, at)}`);
      return { ...draft, messageId: `if-none-exist:${hex(keys.digest(institution, text))}` };
    },
    async known(institution, drafts) {
      const ids = drafts.map((draft) => idOf(institution, draft));
      const receipts = ids.length === 0 ? new Map() : await vault.receipts([...new Set(ids)]);
      return ids.map((id) => (receipts.has(id) ? { status: "duplicate", id, flags: [] } : undefined));
    },
  };
}

/** The criteria, whatever their order and whether or not a URL stands before them. */
function normalised(criteria: string, at: string): string {
  const query = criteria.slice(criteria.indexOf("?") + 1).trim();
  const parameters = [...new URLSearchParams(query)].filter(([name, value]) => name !== "" && value !== "");
  if (parameters.length === 0 || criteria.length > CRITERIA_CHARACTERS_MAX) {
    throw invalid(at, `wants 1 to ${CRITERIA_CHARACTERS_MAX} characters of search parameters`, "such as _tag=urn:x|1");
  }
  return new URLSearchParams(parameters.sort(([a, b], [c, d]) => (`${a}=${b}` < `${c}=${d}` ? -1 : 1))).toString();
}
