/**
 * A Provenance in the header X-Provenance (FHIR R4, 6.3.4): who is responsible for what the request creates. Its target is
 * what was created, and is filled in here.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Draft, MappingContext } from "../normalise/draft.ts";
import { type Element, element, invalid } from "./element.ts";
import { parseJson } from "./json.ts";
import { draftOfProvenance } from "./provenance.ts";
import { resourceType } from "./resource.ts";

export const X_PROVENANCE = "x-provenance";
const AT = "X-Provenance";
/** Stands for the target until there is one. */
const UNKNOWN = "urn:medtrace:to-be-created";

/** The header's Provenance, which says nothing of its target yet. */
export class HeaderProvenance {
  readonly #resource: Element;
  readonly #context: MappingContext;

  private constructor(resource: Element, context: MappingContext) {
    this.#resource = resource;
    this.#context = context;
  }

  /**
   * Reads the header; undefined where there is none.
   *
   * @throws MedtraceError as a Provenance is refused, before anything of the request is taken: its place begins with
   * X-Provenance.
   */
  static of(header: string | string[] | undefined, context: MappingContext): HeaderProvenance | undefined {
    if (header === undefined) return undefined;
    return within(() => {
      // HTTP's headers are read as Latin-1, and hold the bytes of UTF-8 all the same.
      const resource = element(parseJson(Buffer.from([header].flat().join(", "), "latin1")), "Provenance");
      if (resourceType(resource) !== "Provenance") throw invalid("resourceType", "must be Provenance here");
      if (Array.isArray(resource["target"]) && resource["target"].length > 0) {
        throw invalid("Provenance.target", "is filled in by the server", "leave it out");
      }
      const provenance = new HeaderProvenance(resource, context);
      provenance.of([UNKNOWN]);
      return provenance;
    });
  }

  /** The draft of the Provenance of these references. */
  of(targets: readonly string[]): Draft {
    const target = targets.map((reference) => ({ reference }));
    return within(() => draftOfProvenance({ ...this.#resource, target }, this.#context));
  }
}

function within<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof MedtraceError)) throw error;
    const { code, message, hint, at } = error;
    const place = at === undefined ? AT : at.startsWith(AT) ? at : `${AT}: ${at}`;
    throw new MedtraceError(code, message, { at: place, ...(hint === undefined ? {} : { hint }), cause: error });
  }
}
