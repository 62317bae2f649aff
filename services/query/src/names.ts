/**
 * What callers call things, to what events call them. A Patient reference is looked up in the vault and from there on
 * is a subject; an id that repeats a patient's identifier stands veiled in events, and is found by its veiled form.
 */
import { hex } from "@medtrace/shared/model/bytes";
import { subjectRecordId } from "@medtrace/shared/model/trace-event";
import type { Facet, Projection } from "@medtrace/shared/ports/projection";
import type { Identifier } from "@medtrace/shared/ports/vault";
import type { QueryContext } from "./context.ts";
import { notFound, type Viewer, viewFilter } from "./scope.ts";

const SUBJECT = subjectRecordId("");
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
const ID = "[A-Za-z0-9\\-.]{1,64}";
const VERSION = `(?:/_history/${ID})?$`;
/** `{institution}/Patient/{id}`; the institution may be left out for one's own. */
const LOCAL_PATIENT = new RegExp(`^(?:([A-Za-z0-9._-]{1,64})/)?Patient/(${ID})${VERSION}`);
/** An absolute URL of a Patient. */
const ABSOLUTE_PATIENT = new RegExp(`^([a-z][a-z0-9+.-]*:.*/Patient/${ID})${VERSION}`, "i");
const VERSIONED = new RegExp(`/_history/${ID}$`);
/** Identifier systems that ingest files Patient references under. */
const RELATIVE_REFERENCE = "Patient";
const ABSOLUTE_REFERENCE = "urn:ietf:rfc:3986";

/** The token in a token or subject record id; undefined where the text is neither. */
export function tokenOf(text: string): string | undefined {
  const token = text.startsWith(SUBJECT) ? text.slice(SUBJECT.length) : text;
  return TOKEN.test(token) ? token : undefined;
}

/** Whether an id names a Patient resource, which no event holds in clear. */
export function namesPatient(id: string): boolean {
  return LOCAL_PATIENT.test(id) || ABSOLUTE_PATIENT.test(id);
}

/**
 * The subject that a Patient reference means to the viewer: relative ones are local to an institution, which must be the
 * viewer's own unless it supervises; absolute ones are shared.
 */
export async function subjectOf(ctx: QueryContext, viewer: Viewer, reference: string): Promise<string | undefined> {
  const absolute = ABSOLUTE_PATIENT.exec(reference)?.[1];
  if (absolute !== undefined) {
    return await lookup(ctx, viewer.institution, { system: ABSOLUTE_REFERENCE, value: absolute, scope: "shared" });
  }
  const [, institution = viewer.institution, value] = LOCAL_PATIENT.exec(reference) ?? [];
  if (value === undefined || (institution !== viewer.institution && !viewer.supervises)) return undefined;
  return await lookup(ctx, institution, { system: RELATIVE_REFERENCE, value, scope: "local" });
}

/** The subject of an identifier, whether its system is shared between institutions or the viewer's own. */
export async function subjectByIdentifier(
  ctx: QueryContext,
  viewer: Viewer,
  identifier: { readonly system: string; readonly value: string },
): Promise<string | undefined> {
  const local = await lookup(ctx, viewer.institution, { ...identifier, scope: "local" });
  const shared = await lookup(ctx, viewer.institution, { ...identifier, scope: "shared" });
  return local ?? shared;
}

function lookup(ctx: QueryContext, institution: string, identifier: Identifier): Promise<string | undefined> {
  return ctx.vault.lookup(institution, identifier);
}

/**
 * The ids by which events in scope know what the viewer calls by this id: the subject of a Patient reference, the id
 * itself, its veiled form.
 *
 * @throws MedtraceError NOT_FOUND where no event in scope names any of them.
 */
export async function knownNames(
  ctx: QueryContext,
  viewer: Viewer,
  kind: "record" | "agent",
  id: string,
): Promise<readonly string[]> {
  const known: string[] = [];
  const possible = await possibleNames(ctx, viewer, kind, id);
  for (const value of possible) if (await isKnown(ctx, viewer, [{ kind, value }])) known.push(value);
  if (known.length > 0) return known;
  const facets = possible.map((value): Facet => ({ kind, value }));
  const hidden = facets.length === 0 ? 0 : ((await hiddenCount(ctx, viewer, { facets })) ?? 0);
  throw hidden === 0 ? notFound() : notFound(`there are ${hidden} events that your institution may not see`);
}

async function possibleNames(
  ctx: QueryContext,
  viewer: Viewer,
  kind: "record" | "agent",
  id: string,
): Promise<readonly string[]> {
  if (namesPatient(id)) {
    const token = await subjectOf(ctx, viewer, id);
    return token === undefined ? [] : [subjectRecordId(token)];
  }
  // Events keep a record's version beside its id.
  const name = id.replace(VERSIONED, "");
  const type = kind === "agent" ? "Agent" : typeOf(name);
  return type === undefined ? [name] : [name, veiled(ctx, viewer.institution, type, name)];
}

const HIDDEN_COUNT_MAX = 10_000;

/** How many events the viewer may not see; undefined where policy is not to tell, or nothing is hidden from it. */
export async function hiddenCount(
  ctx: QueryContext,
  viewer: Viewer,
  selection: Parameters<Projection["count"]>[0],
): Promise<number | undefined> {
  if (ctx.settings.hiddenCount === "none" || viewer.supervises) return undefined;
  const all = await ctx.projection.count(selection, HIDDEN_COUNT_MAX);
  const own = await ctx.projection.count({ ...selection, ...viewFilter(viewer) }, HIDDEN_COUNT_MAX);
  return all - own;
}

/** Whether any event in scope has one of these facets. */
export async function isKnown(ctx: QueryContext, viewer: Viewer, facets: readonly Facet[]): Promise<boolean> {
  const page = await ctx.projection.find({ facets, ...viewFilter(viewer), order: "newest-first", limit: 1 });
  return page.events.length > 0;
}

/** `{institution}/{Type}/{id}` and `…/{Type}/{id}`: the type. */
function typeOf(id: string): string | undefined {
  const type = id.split("/").at(-2);
  return type !== undefined && /^[A-Za-z]{1,64}$/.test(type) ? type : undefined;
}

/** An id as ingest veils it; also what stands for an id that may identify a person and is nobody's. */
export function veiled(ctx: QueryContext, institution: string, type: string, id: string): string {
  return `${institution}/${type}/veiled-${hex(ctx.keys.digest(institution, Buffer.from(id)))}`;
}
