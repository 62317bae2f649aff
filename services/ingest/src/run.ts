/** Ingest as a running service: HTTP and MLLP in, trace events onto the log. */
import { requireBearer } from "@medtrace/service-kit/bearer";
import { answerOutcome } from "@medtrace/service-kit/fhir";
import type { Logger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { answerProblem, createServer, type ErrorHandler, listen } from "@medtrace/service-kit/server";
import { createTokenVerifier } from "@medtrace/service-kit/token";
import { inServerSpan, openTracing } from "@medtrace/service-kit/tracing";
import { hex } from "@medtrace/shared/model/bytes";
import type { FeedEntry } from "@medtrace/shared/model/feed-statement";
import type { Cache } from "@medtrace/shared/ports/cache";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { KeyProvider, Vault } from "@medtrace/shared/ports/vault";
import type { IngestSettings } from "./config.ts";
import { loadDirectory } from "./directory.ts";
import { loadExpectedFeeds } from "./feeds/config.ts";
import { Feeds } from "./feeds/feeds.ts";
import { observeFeeds } from "./feeds/observe.ts";
import { createNaming } from "./fhir/naming.ts";
import { fhirRoutes } from "./fhir/routes.ts";
import { reject } from "./hl7v2/ack.ts";
import { addHl7Routes } from "./hl7v2/routes.ts";
import { createTake, type Take } from "./hl7v2/take.ts";
import { startMllp } from "./mllp/server.ts";
import { loadMllpTls } from "./mllp/tls.ts";
import type { MappingContext } from "./normalise/draft.ts";
import { observeMllp, observePipeline, observeRefusals, observeSyslog } from "./observe.ts";
import { createPipeline } from "./pipeline/pipeline.ts";
import { randomSource } from "./pipeline/random.ts";
import { catchUpReceipts } from "./pipeline/receipts.ts";
import { addProvRoutes } from "./prov/routes.ts";
import { limitRate } from "./rate-limit.ts";
import { loadSyslogTls, openSyslog } from "./syslog/open.ts";
import { createTake as createSyslogTake } from "./syslog/take.ts";

/** NDJSON may be of any length; who sends nothing for a while is cut off long before. */
const REQUEST_MS_MAX = 3_600_000;

export interface IngestParts {
  readonly eventLog: EventLog;
  readonly vault: Vault;
  readonly keys: KeyProvider;
  /** Keeps the limits of institutions for all processes; without one each process keeps its own. */
  readonly cache?: Cache;
  readonly settings: IngestSettings;
  readonly log: Logger;
}

export interface RunningIngest extends AsyncDisposable {
  /** Base URL of the HTTP side. */
  readonly url: string;
  /** `host:port` of the MLLP listener. */
  readonly mllp: string;
  /** `host:port` of the syslog listener; undefined where it is off. */
  readonly syslog: string | undefined;
}

/** Starts taking. Disposing stops accepting, answers what is in flight, then stops. */
export async function startIngest(parts: IngestParts): Promise<RunningIngest> {
  const { eventLog, vault, keys, cache, settings, log } = parts;
  const directory = await loadDirectory(settings.directory);
  const tls = settings.mllpTls === undefined ? undefined : await loadMllpTls(settings.mllpTls, directory);
  const syslogTls = settings.syslog && (await loadSyslogTls(settings.syslog));
  const noted = await catchUpReceipts(eventLog, vault);
  if (noted > 0) log.info({ noted }, "noted receipts for what the log held beyond them");

  const metrics = createMetrics();
  // What is open already is closed again where a later step fails: a port that is taken, say.
  await using opened = new AsyncDisposableStack();
  const tracing = opened.use(openTracing("ingest"));
  const now_ms = Date.now;
  const pipeline = createPipeline({ log: eventLog, vault, keys, now_ms, observer: observePipeline(metrics, log) });
  const { eventsPerSecondMax } = settings;
  const intake = limitRate(pipeline, { cache, eventsPerSecondMax, clock_ms: () => performance.now() });
  const refusals = observeRefusals(metrics);
  const context = (institution: string): MappingContext => ({ institution, directory, zone: settings.zone });
  const random = randomSource();
  const controlId = (): string => hex(random(10));
  const expected = await loadExpectedFeeds(settings.feeds.file);
  const { statement_ms } = settings.feeds;
  const feeds = opened.use(new Feeds({ intake: pipeline, expected, statement_ms, now_ms, log }));
  observeFeeds(metrics, feeds);
  const takeBy = (entry: FeedEntry): Take =>
    createTake({
      intake: feeds.watch(intake, entry),
      directory,
      zone: settings.zone,
      now_ms,
      controlId,
      onRefused: refusals("hl7v2"),
    });

  const verifier = createTokenVerifier(settings.auth);
  const missing = async (): Promise<string[]> => {
    const reach = (name: string, port: { ping(): Promise<void> }): Promise<string[]> =>
      port.ping().then(
        () => [],
        () => [`${name} cannot be reached`],
      );
    return [
      ...(await verifier.missing()),
      ...(await reach("the event log", eventLog)),
      ...(await reach("the vault", vault)),
    ];
  };
  // What no route takes is told in the form of its neighbours too.
  const errorHandler: ErrorHandler = (error, request, reply) =>
    /^\/fhir\b/.test(request.url) ? answerOutcome(error, request, reply) : answerProblem(error, request, reply);
  const server = await createServer({
    name: "ingest",
    log,
    metrics,
    tracing,
    ready: missing,
    errorHandler,
    limits: { request_ms_max: REQUEST_MS_MAX },
  });
  requireBearer(server, verifier);
  const { bodyBytesMax } = settings;
  addHl7Routes(server, { take: takeBy("hl7v2"), bodyBytesMax });
  addProvRoutes(server, { intake, context, bodyBytesMax, now_ms, onRefused: refusals("prov-json") });
  const intakeFhir = feeds.watch(intake, "fhir");
  await server.register(
    fhirRoutes({
      intake: intakeFhir,
      naming: createNaming(vault, keys),
      context,
      limits: { bodyBytesMax },
      onRefused: refusals("fhir"),
    }),
  );
  const listeners: AsyncDisposable[] = [{ [Symbol.asyncDispose]: () => server.close() }];
  opened.defer(async () => void (await Promise.all(listeners.map((one) => one[Symbol.asyncDispose]()))));
  const url = await listen(server, settings);
  const takeMllp = takeBy("mllp");
  const mllp = await startMllp({
    host: settings.host,
    port: settings.mllpPort,
    institution: settings.mllpInstitution,
    // By HTTP a message is in its request's span already.
    take: (institution, content) => inServerSpan(tracing, "mllp message", () => takeMllp(institution, content)),
    reject: (error) => reject(error, { controlId: controlId(), now_ms: now_ms() }),
    limits: settings.mllpLimits,
    log,
    ...(tls === undefined ? {} : { tls }),
  });
  listeners.push(mllp);
  observeMllp(metrics, mllp.tallies);
  const takeSyslog = createSyslogTake({
    intake: feeds.watch(intake, "syslog"),
    context,
    onRefused: refusals("dicom-audit"),
  });
  const syslog =
    settings.syslog &&
    syslogTls &&
    (await openSyslog({
      settings: settings.syslog,
      tls: syslogTls,
      host: settings.host,
      directory,
      take: (institution, messages) =>
        inServerSpan(tracing, "syslog messages", () => takeSyslog(institution, messages)),
      log,
    }));
  if (syslog !== undefined) {
    listeners.push(syslog);
    observeSyslog(metrics, syslog.tallies);
  }
  feeds.start();
  const running = opened.move();
  return {
    url,
    mllp: `${settings.host}:${mllp.port}`,
    syslog: syslog === undefined ? undefined : `${settings.host}:${syslog.port}`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
