/** Failures of Kafka: which may pass, how long to try again, and what they are at the port. */
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { kafkaError } from "./link.ts";
import { BrokenBatch } from "./record-batch.ts";

const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 1_000;

export interface Patience {
  /** What is done, for the error: "Kafka could not {what}: …". */
  readonly what: string;
  /** Tries begin within this time. */
  readonly tries_ms: number;
  readonly signal: AbortSignal;
  /** Looks around before the next try. */
  readonly refresh?: () => Promise<unknown>;
}

/** Whether a failure may pass by itself: a connection that broke, a leader that moves, a broker that loads. */
export function mayPass(error: unknown): boolean {
  return (error as { retriable?: unknown } | undefined)?.retriable === true;
}

/** Whether the broker said so, by the name of its error. */
export function isKafka(error: unknown, ...types: readonly string[]): boolean {
  return types.includes((error as { type?: string } | undefined)?.type ?? "");
}

/** The failure of a partition's answer; undefined for code 0. */
export function failureOf(code: number): Error | undefined {
  return code === 0 ? undefined : kafkaError(code);
}

/**
 * Tries again until it succeeds, fails for good, or patience is over.
 *
 * @throws MedtraceError STORAGE_FAILED with Kafka's error as its cause; other errors as they are.
 */
export async function untilDone<T>(patience: Patience, attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + patience.tries_ms;
  for (let pause_ms = PAUSE_MS_MIN; ; pause_ms = Math.min(2 * pause_ms, PAUSE_MS_MAX)) {
    try {
      patience.signal.throwIfAborted();
      return await attempt();
    } catch (error) {
      const over = patience.signal.aborted || performance.now() + pause_ms > until;
      if (over || !mayPass(error)) throw atPort(patience.what, error);
    }
    await sleep(pause_ms, undefined, { signal: patience.signal }).catch(() => undefined);
    await patience.refresh?.().catch(() => undefined);
  }
}

function atPort(what: string, error: unknown): unknown {
  return error instanceof MedtraceError || error instanceof BrokenBatch ? error : storageFailed(what, error);
}

/**
 * What a failure says about how Kafka is spoken to: its certificate, our credentials or our rights are not what they
 * should be, and no trying again changes that. Undefined for any other failure.
 */
export function accessRefused(error: unknown): MedtraceError | undefined {
  const {
    name,
    code = "",
    type = "",
    message,
  } = error as Partial<Record<"name" | "code" | "type" | "message", string>>;
  const refused = (what: string, at: string, hint: string): MedtraceError =>
    new MedtraceError("CONFIGURATION", `Kafka ${what}: ${message}`, { at, hint, cause: error });
  if (name === "KafkaJSSASLAuthenticationError") {
    return refused("does not let us in", "KAFKA_SASL_USERNAME", "see KAFKA_SASL_MECHANISM, the user and the password");
  }
  if (type.endsWith("_AUTHORIZATION_FAILED")) {
    const hint = "give the user Read, Write, Create, Describe and DescribeConfigs on the topic, Read on its groups";
    return refused("does not allow what an event log needs", "KAFKA_SASL_USERNAME", hint);
  }
  if (!/CERT|SIGNATURE|^ERR_SSL_/.test(code)) return undefined;
  return refused("and we do not trust each other", "KAFKA_TLS_CA", "see KAFKA_TLS and its certificates, on both sides");
}

export function storageFailed(what: string, cause: unknown): MedtraceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MedtraceError("STORAGE_FAILED", `Kafka could not ${what}: ${why}`, {
    hint: "see that Kafka's brokers run and can be reached; docs/runbooks has more",
    cause,
  });
}

export function logClosed(): MedtraceError {
  return new MedtraceError("STORAGE_FAILED", "the event log is closed", { hint: "send again; nothing was taken" });
}
