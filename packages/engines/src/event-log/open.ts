/** The event log behind a URL. Engines are loaded when they are asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { EventLog } from "@medtrace/shared/ports/event-log";

export interface OpenOptions {
  /** Whoever appends and follows does both by this one object: an engine MAY then give the newest from memory. */
  readonly tail?: boolean;
}

/**
 * Opens `embedded:FOLDER`, or `kafka://host:port[,host:port…]/topic?partitions=N&replication=N`, spoken to as the
 * environment says (KAFKA_TLS…, KAFKA_SASL…).
 *
 * @throws MedtraceError CONFIGURATION for another scheme, and what the engine throws.
 */
export async function openEventLog(url: string, { tail = false }: OpenOptions = {}): Promise<EventLog> {
  const [scheme = "", ...rest] = url.split(":");
  const place = rest.join(":");
  if (scheme === "embedded" && place !== "") {
    const { openEmbeddedEventLog } = await import("./embedded/event-log.ts");
    return openEmbeddedEventLog({ folder: place, tail });
  }
  if (scheme === "kafka") {
    const [{ kafkaAccess }, { openKafkaEventLog }] = await Promise.all([
      import("./kafka/config.ts"),
      import("./kafka/event-log.ts"),
    ]);
    return openKafkaEventLog({ url, access: kafkaAccess() });
  }
  throw new MedtraceError("CONFIGURATION", `no event log engine for ${scheme || "an empty URL"}`, {
    at: "EVENT_LOG_URL",
    hint: "embedded:FOLDER or kafka://HOST:PORT/TOPIC",
  });
}
