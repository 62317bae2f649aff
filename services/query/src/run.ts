/** Query as a running service: the lineage API over the ports. */
import { requireBearer } from "@medtrace/service-kit/bearer";
import { openIssuer } from "@medtrace/service-kit/issuer";
import type { Logger } from "@medtrace/service-kit/log";
import { createMetrics, type Metrics } from "@medtrace/service-kit/metrics";
import { createServer, listen } from "@medtrace/service-kit/server";
import { createTokenVerifier } from "@medtrace/service-kit/token";
import { openTracing } from "@medtrace/service-kit/tracing";
import type { Cache } from "@medtrace/shared/ports/cache";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { Projection } from "@medtrace/shared/ports/projection";
import type { KeyProvider, Vault } from "@medtrace/shared/ports/vault";
import { createSender } from "./audit/sender.ts";
import { Spool } from "./audit/spool.ts";
import { type AuditTrail, createAuditTrail, type Deliver, NO_TRAIL } from "./audit/trail.ts";
import type { QuerySettings } from "./config.ts";
import { createStanding, type QueryContext } from "./context.ts";
import { createFeed } from "./feed.ts";
import { fhirRoutes } from "./fhir/routes.ts";
import { observeProjector, observeStanding } from "./projector/observe.ts";
import type { ProjectorStatus } from "./projector/status.ts";
import { eventRoutes } from "./routes/events.ts";
import { evidenceRoutes } from "./routes/evidence.ts";
import { feedRoutes } from "./routes/feed.ts";
import { feedsRoutes } from "./routes/feeds.ts";
import { homeRoutes } from "./routes/home.ts";
import { ledgerRoutes } from "./routes/ledger.ts";
import { lineageRoutes } from "./routes/lineage.ts";
import { listRoutes } from "./routes/lists.ts";
import { subjectRoutes } from "./routes/subjects.ts";
import { createEventVerifier } from "./verified.ts";

export interface QueryParts {
  readonly projection: Projection;
  readonly ledger: Ledger;
  readonly vault: Vault;
  readonly cache: Cache;
  readonly keys: KeyProvider;
  /** Where this process' projector stands, for /v1/integrity and the metrics. */
  readonly projectorStatus: () => ProjectorStatus;
  readonly settings: QuerySettings;
  readonly log: Logger;
  /** How reports of queries reach ingest; by default over HTTP, with tokens of the embedded issuer. */
  readonly deliver?: Deliver;
}

export interface RunningQuery extends AsyncDisposable {
  readonly url: string;
}

/** Starts answering. Disposing answers what is in flight, delivers what it can of the reports, then stops. */
export async function startQuery(parts: QueryParts): Promise<RunningQuery> {
  const { projection, ledger, vault, cache, keys, projectorStatus, settings, log } = parts;
  const metrics = createMetrics();
  // What is open already is closed again where a later step fails: a port that is taken, say.
  await using opened = new AsyncDisposableStack();
  const tracing = opened.use(openTracing("query"));
  const failures = metrics.counter({
    name: "medtrace_query_integrity_failures_total",
    help: "Times an event to be served was not as the ledger has it",
  });
  const verifier = createEventVerifier({
    projection,
    ledger,
    onFailure: (failure) => {
      failures.inc();
      if (failure.count === 1) log.error(failure, "not served: see docs/runbooks/integrity.md");
    },
  });
  const feed = createFeed(projection, verifier);
  const trail = opened.use(await openTrail(parts, metrics));
  const standing = createStanding(projection, ledger);
  observeStanding(metrics, standing);
  if (settings.projects) observeProjector(metrics, projectorStatus);
  const ctx: QueryContext = {
    projection,
    ledger,
    vault,
    cache,
    keys,
    verifier,
    standing,
    trail,
    feed,
    projectorStatus,
    settings,
    log,
  };

  const tokens = createTokenVerifier(settings.auth);
  const missing = async (): Promise<string[]> => [
    ...(await tokens.missing()),
    ...(await reach("the projection", projection)),
    ...(await reach("the ledger", ledger)),
    ...(await reach("the vault", vault)),
  ];
  const server = await createServer({ name: "query", log, metrics, tracing, ready: missing });
  opened.defer(() => server.close());
  requireBearer(server, tokens);
  eventRoutes(server, ctx);
  evidenceRoutes(server, ctx);
  subjectRoutes(server, ctx);
  listRoutes(server, ctx);
  lineageRoutes(server, ctx);
  ledgerRoutes(server, ctx);
  feedRoutes(server, ctx);
  feedsRoutes(server, ctx);
  homeRoutes(server);
  await fhirRoutes(server, ctx);
  // Followers would keep the server from closing.
  server.addHook("preClose", () => feed[Symbol.asyncDispose]());
  const url = await listen(server, settings);
  const running = opened.move();
  return { url, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function openTrail({ settings, log, deliver }: QueryParts, metrics: Metrics): Promise<AuditTrail> {
  if (!settings.audit.on) return NO_TRAIL;
  const { auth, engines, ingestUrl } = settings;
  const delivered = metrics.counter({
    name: "medtrace_query_audit_delivered_total",
    help: "Reports of queries that ingest took",
  });
  const refused = metrics.counter({
    name: "medtrace_query_audit_refused_total",
    help: "Reports of queries that ingest refused",
  });
  const spool = Spool.open(settings.audit.folder, settings.audit.spoolBytesMax);
  return createAuditTrail({
    spool,
    log,
    deliver: deliver ?? (await senderOf(ingestUrl, { data: engines.data, ...auth })),
    observer: { delivered: (count) => delivered.inc(count), refused: (count) => refused.inc(count) },
  });
}

async function senderOf(ingestUrl: string, options: Parameters<typeof openIssuer>[0]): Promise<Deliver> {
  const issuer = await openIssuer(options);
  return createSender(ingestUrl, (institution, expires_s) =>
    issuer.issueToken({ institution, scopes: ["trace/events.write"], subject: "urn:medtrace:query", expires_s }),
  );
}

async function reach(name: string, port: { ping(): Promise<void> }): Promise<string[]> {
  return await port.ping().then(
    () => [],
    () => [`${name} cannot be reached`],
  );
}
