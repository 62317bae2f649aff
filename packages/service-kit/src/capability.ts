/**
 * CapabilityStatements (hl7.org/fhir/R4/capabilitystatement.html) made of the routes that are there: what is said of a
 * service is what it does.
 */
import type { FastifyInstance } from "fastify";
import { FHIR_JSON, type Release, releaseToAnswer, VERSION_OF_RELEASE } from "./fhir.ts";

/** What the routes alone do not show. */
export interface Described {
  /** The service, in words. */
  readonly title: string;
  readonly description: string;
  /** By resource type, what is said of it beside its interactions, such as `searchParam`. */
  readonly resources?: Readonly<Record<string, object>>;
  readonly operations?: readonly { readonly name: string; readonly definition: string }[];
}

interface Shown {
  readonly types: Map<string, Set<string>>;
  readonly system: Set<string>;
  readonly operations: Set<string>;
}

/** Day that the statements' form was last changed: they are made anew at each start, from the same routes. */
const DATE = "2026-11-23";

/** Adds `GET /fhir/metadata`, which anyone may ask. Call it before the routes that it tells of are added. */
export function addCapability(app: FastifyInstance, described: Described): void {
  const shown: Shown = { types: new Map(), system: new Set(), operations: new Set() };
  app.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) note(shown, one, url);
  });
  app.get<{ Querystring: { readonly _format?: string } }>(
    "/fhir/metadata",
    { config: { public: true }, schema: { tags: ["FHIR"], summary: "What this server does, as CapabilityStatement" } },
    async (request, reply) => {
      const release = releaseToAnswer(request.headers.accept, request.query._format);
      return reply.type(FHIR_JSON).send(JSON.stringify(statement(shown, described, release)));
    },
  );
}

/** Notes the interaction (code systems type- and system-restful-interaction) that a route is. */
function note({ types, system, operations }: Shown, method: string, url: string): void {
  const [, type, rest] = /^\/fhir(?:\/([A-Z][A-Za-z]+))?(\/.*)?$/.exec(url) ?? [];
  if (type === undefined) {
    if (method === "POST" && url === "/fhir") for (const one of ["transaction", "batch"]) system.add(one);
    const operation = /^\/fhir\/\$([a-z-]+)$/.exec(url)?.[1];
    if (operation !== undefined) operations.add(operation);
    return;
  }
  const interaction = interactionOf(method, rest);
  if (interaction === undefined) return;
  types.set(type, (types.get(type) ?? new Set()).add(interaction));
}

function interactionOf(method: string, rest: string | undefined): string | undefined {
  if (method === "POST") return rest === undefined ? "create" : rest === "/_search" ? "search-type" : undefined;
  if (method !== "GET") return undefined;
  if (rest === undefined) return "search-type";
  return rest === "/:id" ? "read" : undefined;
}

function statement({ types, system, operations }: Shown, described: Described, release: Release): object {
  const { title, description, resources = {} } = described;
  const coded = (codes: Iterable<string>): object[] => [...codes].sort().map((code) => ({ code }));
  const known = (described.operations ?? []).filter(({ name }) => operations.has(name));
  return {
    resourceType: "CapabilityStatement",
    status: "active",
    date: DATE,
    title,
    description,
    kind: "instance",
    software: { name: "medtrace" },
    implementation: { description: title },
    fhirVersion: VERSION_OF_RELEASE[release],
    format: ["application/fhir+json", "json"],
    rest: [
      {
        mode: "server",
        security: {
          service: [
            {
              coding: [{ system: "http://terminology.hl7.org/CodeSystem/restful-security-service", code: "OAuth" }],
              text: "bearer tokens (RFC 6750)",
            },
          ],
        },
        resource: [...types]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([type, interactions]) => ({ type, interaction: coded(interactions), ...resources[type] })),
        ...(system.size === 0 ? {} : { interaction: coded(system) }),
        ...(known.length === 0 ? {} : { operation: known }),
      },
    ],
  };
}
