/**
 * Bearer tokens on routes (RFC 6750). Every route needs a token unless it says `config: { public: true }`; one that
 * says `config: { scope: "trace/…" }` needs that scope as well. The institution comes from the token alone.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Scope } from "./scopes.ts";
import type { Caller, TokenVerifier } from "./token.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who calls. @throws MedtraceError UNAUTHENTICATED on a public route, where nobody was asked. */
    readonly caller: Caller;
  }
}

const CALLER = Symbol("caller");
type WithCaller = FastifyRequest & { [CALLER]: Caller | null };

/**
 * Asks for a token on every route of the instance that is not public. Call it before routes are added.
 *
 * Answers 401 with `WWW-Authenticate` where there is no valid token, 403 naming the scope where one is missing.
 */
export function requireBearer(app: FastifyInstance, verifier: TokenVerifier): void {
  app.decorateRequest(CALLER, null);
  app.decorateRequest("caller", {
    getter(this: FastifyRequest) {
      const caller = (this as WithCaller)[CALLER];
      if (caller === null) throw new MedtraceError("UNAUTHENTICATED", "this route does not know its caller");
      return caller;
    },
  });
  app.addHook("onRequest", (request, reply, done) => {
    const { config } = request.routeOptions;
    if (config.public === true || request.is404) return done();
    const token = bearerToken(request.headers.authorization);
    if (token === undefined || isTwice("authorization", request.raw.rawHeaders)) {
      return done(unauthenticated(reply, request.headers.authorization));
    }
    const known = verifier.remembered(token);
    if (known !== undefined) return done(admit(request, reply, known, config.scope));
    verifier.verify(token).then(
      (caller) => done(admit(request, reply, caller, config.scope)),
      (error: unknown) => done(refused(reply, error)),
    );
  });
}

/** The token of an Authorization header; undefined where it holds none (RFC 6750 section 2.1). */
function bearerToken(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header)?.[1];
}

/** Node reads the first of two: whoever stands before us may have looked at the other. */
function isTwice(name: string, rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] ?? "";
    if (header.length === name.length && header.toLowerCase() === name) count++;
  }
  return count > 1;
}

function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  scope: Scope | undefined,
): Error | undefined {
  if (scope !== undefined && !caller.scopes.has(scope)) {
    reply.header("www-authenticate", `Bearer error="insufficient_scope", scope="${scope}"`);
    return new MedtraceError("FORBIDDEN", `the token does not have the scope ${scope}`, {
      at: "scope",
      hint: `ask for a token with the scope ${scope}`,
    });
  }
  (request as WithCaller)[CALLER] = caller;
  return undefined;
}

function unauthenticated(reply: FastifyReply, header: string | undefined): MedtraceError {
  // Without any credential the challenge carries no error code (RFC 6750 section 3.1).
  reply.header("www-authenticate", header === undefined ? "Bearer" : 'Bearer error="invalid_request"');
  return header === undefined
    ? new MedtraceError("UNAUTHENTICATED", "no token was sent", {
        at: "Authorization",
        hint: "send Authorization: Bearer TOKEN; medtrace token prints one",
      })
    : new MedtraceError("UNAUTHENTICATED", "the Authorization header does not hold one bearer token", {
        at: "Authorization",
        hint: "send Authorization: Bearer TOKEN",
      });
}

function refused(reply: FastifyReply, error: unknown): Error {
  if (error instanceof MedtraceError && error.code === "UNAUTHENTICATED") {
    reply.header("www-authenticate", `Bearer error="invalid_token", error_description="${error.message}"`);
  }
  return error instanceof Error ? error : new TypeError("a token verifier threw something else than an error");
}
