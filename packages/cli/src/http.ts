/** Requests to our services: tried again while the service is busy or away, within a time that the caller chose. */
import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "./failure.ts";

export interface ServiceOptions {
  /** Name for people, such as `ingest`. */
  readonly name: string;
  /** Base URL, without a slash at its end. */
  readonly url: string;
  /** Variable that sets the URL, for hints. */
  readonly variable: string;
  /** For how long a request is tried again. */
  readonly retry_s: number;
  readonly signal: AbortSignal;
}

export interface ServiceRequest {
  readonly method: "GET" | "POST";
  /** With its query. */
  readonly path: string;
  readonly token: string;
  readonly body?: Uint8Array | string;
  readonly contentType?: string;
  readonly accept?: string;
  /** Whether an answer of 503 says what became of each part, and so is to be given back rather than tried again. */
  readonly isPartial?: (text: string) => boolean;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  /** How often it was tried. */
  readonly attempts: number;
}

export interface Service {
  /**
   * The service's answer, whatever it is, but 401 and 403 (a Failure that says what the token lacks).
   *
   * @throws Failure where the service cannot be reached, or stays busy, for the whole time.
   */
  request(request: ServiceRequest): Promise<ServiceAnswer>;
}

const ATTEMPT_MS_MAX = 120_000;
const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 5_000;

export function openService(options: ServiceOptions): Service {
  const { name, url, variable, retry_s, signal } = options;
  return {
    request: async (request) => {
      const deadline_ms = performance.now() + retry_s * 1_000;
      for (let attempts = 1; ; attempts++) {
        const outcome = await attempt(url, request, signal);
        if (!(outcome instanceof Error) && (!isTransient(outcome.status) || request.isPartial?.(outcome.text))) {
          if (outcome.status === 401 || outcome.status === 403) throw notAllowed(name, outcome);
          return { ...outcome, attempts };
        }
        const wait_ms = backoff_ms(attempts, outcome instanceof Error ? undefined : outcome.retryAfter);
        if (signal.aborted) throw new Failure("interrupted");
        if (performance.now() + wait_ms > deadline_ms) throw gaveUp(options, outcome, variable);
        await wait(wait_ms, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}

function isTransient(status: number): boolean {
  return status === 503 || status === 429;
}

interface Attempt {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly retryAfter: string | undefined;
}

async function attempt(url: string, request: ServiceRequest, signal: AbortSignal): Promise<Attempt | Error> {
  const { method, path, token, body, contentType, accept } = request;
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(contentType === undefined ? {} : { "content-type": contentType }),
        ...(accept === undefined ? {} : { accept }),
      },
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> | string }),
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS_MAX)]),
    });
    return {
      status: response.status,
      contentType: response.headers.get("content-type") ?? "",
      retryAfter: response.headers.get("retry-after") ?? undefined,
      text: await response.text(),
    };
  } catch (error) {
    return error instanceof Error ? error : new TypeError("fetch threw something else than an error");
  }
}

/** Doubles from try to try, spread by half so that many clients do not come back at once. */
function backoff_ms(attempts: number, retryAfter: string | undefined): number {
  const asked_ms = /^\d{1,4}$/.test(retryAfter ?? "") ? Number(retryAfter) * 1_000 : 0;
  const own_ms = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(attempts - 1, 10)) * (0.5 + Math.random() / 2);
  return Math.max(asked_ms, own_ms);
}

function gaveUp({ name, url, retry_s }: ServiceOptions, last: Attempt | Error, variable: string): Failure {
  if (last instanceof Error) {
    return new Failure(`${name} cannot be reached`, {
      at: url,
      hint: `start it with medtrace start, or set ${variable}`,
      cause: last,
    });
  }
  return new Failure(`${name} stayed busy for ${retry_s} s: ${problemOf(last.text).message}`, {
    at: url,
    hint: "run again later: what was taken is told by its ids and is not taken twice",
  });
}

function notAllowed(name: string, { text, status }: Attempt): Failure {
  const { message } = problemOf(text);
  return new Failure(`${name} refused the token: ${message}`, {
    hint:
      status === 401
        ? "give --token, or set MEDTRACE_DATA to the data folder of the service that is running"
        : "ask for a token with that scope",
  });
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly at?: string;
  readonly hint?: string;
}

/** What an error answer says: problem details (RFC 9457), an `error` member, or an OperationOutcome. */
export function problemOf(text: string): Problem {
  const body = parseObject(text);
  const issue = (body?.["issue"] as readonly Record<string, unknown>[] | undefined)?.[0];
  if (issue !== undefined) return problemOfIssue(issue);
  const problem = (body?.["error"] ?? body) as Readonly<Record<string, unknown>> | undefined;
  const said = (name: string): string | undefined => {
    const value = problem?.[name];
    return typeof value === "string" ? value : undefined;
  };
  const at = said("at");
  const hint = said("hint");
  return {
    code: said("code") ?? "INTERNAL",
    message: said("detail") ?? said("message") ?? "it answered without saying why",
    ...(at === undefined ? {} : { at }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** One issue of an OperationOutcome: our code in `details`, and everything else in `diagnostics`. */
function problemOfIssue({ details, diagnostics, code }: Readonly<Record<string, unknown>>): Problem {
  const { text } = (details ?? {}) as { text?: unknown };
  return { code: String(text ?? code), message: typeof diagnostics === "string" ? diagnostics : "refused" };
}

/** A JSON object, or undefined where the text is not one. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
