/** The page at the root: what this is and where to go. */
import type { FastifyInstance } from "fastify";
import { documented } from "./schema.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>medtrace query</title></head>
<body>
<h1>medtrace query</h1>
<p>Who used which medical record, why, and on whose behalf: lineage and evidence, each answer checked against the ledger.</p>
<ul>
<li><a href="/docs">The API</a>, and its description for machines: <a href="/openapi.json">openapi.json</a></li>
<li><a href="/readyz">Whether it is ready</a></li>
</ul>
</body>
</html>
`;

export function homeRoutes(app: FastifyInstance): void {
  const schema = documented("service", "What this is", { hide: true });
  app.get("/", { config: { public: true }, schema }, async (_request, reply) =>
    reply.type("text/html; charset=utf-8").send(PAGE),
  );
}
