/**
 * Who may see what. An institution sees the events that it produced and those that name it as recipient; a supervisor
 * sees all. What is not seen is answered as what is not there.
 */
import type { Caller } from "@medtrace/service-kit/token";
import { MedtraceError } from "@medtrace/shared/errors";

export interface Viewer {
  readonly institution: string;
  /** True where the caller sees across institutions. */
  readonly supervises: boolean;
}

export function viewerOf(caller: Caller): Viewer {
  return { institution: caller.institution, supervises: caller.scopes.has("trace/supervise") };
}

/** Whether the viewer may see an event of this institution, with these recipients. */
export function sees(
  viewer: Viewer,
  event: { readonly institution: string; readonly recipients: readonly string[] },
): boolean {
  return viewer.supervises || event.institution === viewer.institution || event.recipients.includes(viewer.institution);
}

/** The viewer's part of a projection filter. */
export function viewFilter(viewer: Viewer): { readonly viewer?: string } {
  return viewer.supervises ? {} : { viewer: viewer.institution };
}

/** Tells answers of different scopes apart in a cache. */
export function scopeKey(viewer: Viewer): string {
  return viewer.supervises ? "supervise" : `institution ${viewer.institution}`;
}

/** The one answer for what is not there and for what the caller may not know of. */
export function notFound(hint = "check the id, and whose event it is"): MedtraceError {
  return new MedtraceError("NOT_FOUND", "there is no such thing, or your institution may not know of it", { hint });
}
