/** The scopes that tokens carry, and how a route says what it needs. */
import type {} from "fastify";

export const SCOPES = [
  "trace/events.write",
  "trace/lineage.read",
  "trace/unseal",
  "trace/supervise",
  "trace/admin",
] as const;
export type Scope = (typeof SCOPES)[number];

declare module "fastify" {
  interface FastifyContextConfig {
    /** The scope that a caller of this route needs. */
    scope?: Scope;
    /** True where no token is asked for; such a route must say so. */
    public?: boolean;
  }
}
