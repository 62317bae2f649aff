/** Tells at every scrape how feeds go. */
import type { Metrics } from "@medtrace/service-kit/metrics";
import type { Feed } from "./feed.ts";
import type { Feeds } from "./feeds.ts";

const LABELS = ["institution", "entry", "system"] as const;

export function observeFeeds(metrics: Metrics, feeds: Feeds): void {
  const counters: readonly { name: string; help: string; value: (feed: Feed) => number }[] = [
    { name: "medtrace_feed_messages_total", help: "Messages that were taken", value: ({ totals }) => totals.messages },
    { name: "medtrace_feed_repeated_total", help: "Messages that came again", value: ({ totals }) => totals.repeated },
    {
      name: "medtrace_feed_gaps_total",
      help: "Times that a sender's number (MSH-13) was not the next one",
      value: ({ totals }) => totals.steps.gap,
    },
    {
      name: "medtrace_feed_restarts_total",
      help: "Times that a sender's numbers (MSH-13) jumped back",
      value: ({ totals }) => totals.steps.restart,
    },
  ];
  for (const { name, help, value } of counters) {
    metrics.counter({
      name,
      help,
      labels: LABELS,
      collect(counter) {
        counter.reset();
        for (const feed of feeds.all()) counter.inc({ ...feed.name }, value(feed));
      },
    });
  }
  const gauges: readonly { name: string; help: string; value: (feed: Feed) => number | undefined }[] = [
    {
      name: "medtrace_feed_missed_numbers",
      help: "Numbers (MSH-13) that this process was passed over for; another may have taken them",
      value: (feed) => feed.missedCount,
    },
    {
      name: "medtrace_feed_last_message_timestamp_seconds",
      help: "When the last message was taken, in Unix time; when the process began to wait for one, where there was none",
      value: (feed) => feed.heard_ms / 1_000,
    },
    {
      name: "medtrace_feed_silence_seconds_max",
      help: "Longest silence that is expected of a feed",
      value: (feed) => feed.silence_s_max,
    },
  ];
  for (const { name, help, value } of gauges) {
    metrics.gauge({
      name,
      help,
      labels: LABELS,
      collect(gauge) {
        gauge.reset();
        for (const feed of feeds.all()) {
          const told = value(feed);
          if (told !== undefined) gauge.set({ ...feed.name }, told);
        }
      },
    });
  }
  metrics.counter({
    name: "medtrace_feed_statements_total",
    help: "Feed statements that are durable",
    labels: [],
    collect(counter) {
      counter.reset();
      counter.inc({}, feeds.stated);
    },
  });
}
