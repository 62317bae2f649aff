/** Entities and agents of a PROV document as records, agents and patients of a draft. */
import { idOfIri, MEDTRACE_NAMESPACE, type QualifiedName } from "@medtrace/shared/model/prov/names";
import type { AgentKind, RecordRole } from "@medtrace/shared/model/trace-event";
import { Persons } from "../fhir/persons.ts";
import { type Pointed, type ReferenceReader, referenceReader } from "../fhir/reference.ts";
import { Sealing } from "../fhir/sealed.ts";
import type { DraftAgent, DraftRecord, MappingContext } from "../normalise/draft.ts";
import { knownInstitution } from "../normalise/institutions.ts";
import type { Gathered } from "./statements.ts";

const TYPE_CHARACTERS_MAX = 128;
const PROV_KINDS: ReadonlyMap<string, AgentKind> = new Map([
  ["Person", "person"],
  ["SoftwareAgent", "software"],
  ["Organization", "institution"],
]);

/** Reads the things of one event. */
export class Things {
  readonly persons: Persons = new Persons();
  readonly sealing: Sealing = new Sealing();
  readonly #context: MappingContext;
  readonly #references: ReferenceReader;
  readonly #iriOf: (name: QualifiedName) => string;
  readonly #describe: Gathered["describe"];

  constructor(context: MappingContext, iriOf: (name: QualifiedName) => string, describe: Gathered["describe"]) {
    this.#context = context;
    this.#references = referenceReader(context);
    this.#iriOf = iriOf;
    this.#describe = describe;
  }

  /** The record that an entity is; a patient's own resource is the patient. */
  record(name: QualifiedName, role: RecordRole, at: string): DraftRecord {
    const { patient, id = "", type, version } = this.#pointed(name, at);
    if (patient !== undefined) return { id: { person: this.persons.place(patient, at) }, type: "Patient", role };
    this.sealing.label(id, this.#describe(name).labels);
    const said = this.#describe(name).versions[0] ?? version;
    return { id, type: this.#type(name) ?? type ?? "Entity", ...(said === undefined ? {} : { version: said }), role };
  }

  agent(name: QualifiedName, roles: readonly string[], at: string): DraftAgent {
    const { patient, id = "" } = this.#pointed(name, at);
    if (patient !== undefined) {
      this.sealing.names(...this.#describe(name).labels);
      return { id: { person: this.persons.place(patient, at) }, kind: "subject", roles };
    }
    const institution = knownInstitution(id, this.#context);
    if (institution !== undefined) return { id: institution, kind: "institution", roles };
    this.sealing.label(id, this.#describe(name).labels);
    return { id, kind: this.#kind(name), roles };
  }

  /** The id of whom an agent acted for; undefined where that is a patient, who has no clear id. */
  principal(name: QualifiedName, at: string): string | undefined {
    const { id } = this.agent(name, [], at);
    return typeof id === "string" ? id : undefined;
  }

  isConsent(name: QualifiedName): boolean {
    return this.#type(name) === "Consent";
  }

  #pointed(name: QualifiedName, at: string): Pointed {
    const iri = this.#iriOf(name);
    const id = idOfIri(iri);
    // An id of this platform names its institution; one of a patient is read as any other reference to one.
    if (id !== iri && !/(^|\/)Patient\//i.test(id)) return { id, type: id.split("/").at(-2) };
    return this.#references.read({ reference: id === iri ? iri : id.replace(/^[^/]*\/(?=Patient\/)/i, "") }, at, {
      type: "Entity",
    });
  }

  #kind(name: QualifiedName): AgentKind {
    for (const type of this.#describe(name).types) {
      const kind = type.prefix === "prov" ? PROV_KINDS.get(type.local) : undefined;
      if (kind !== undefined) return kind;
      if (this.#iriOf(type) === `${MEDTRACE_NAMESPACE}Device`) return "device";
    }
    return "unknown";
  }

  /** What it is called by our own attribute, or by a type that is not PROV's. */
  #type(name: QualifiedName): string | undefined {
    const { recordTypes, types } = this.#describe(name);
    const type = recordTypes[0] ?? types.find(({ prefix }) => prefix !== "prov")?.local;
    return type === undefined || type === "" ? undefined : type.slice(0, TYPE_CHARACTERS_MAX).toWellFormed();
  }
}
