/** Metrics of one service, for Prometheus. Names follow its conventions: a prefix, base units last, `_total` on counts. */
import {
  Counter,
  type CounterConfiguration,
  collectDefaultMetrics,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  Registry,
} from "prom-client";

/** What every metric is made from. Labels hold kinds of things, of which there are few: never ids. */
export interface MetricOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

export interface HistogramOptions<Label extends string> extends MetricOptions<Label> {
  /** Upper bounds, in the unit of the name. */
  readonly buckets: readonly number[];
}

export interface CounterOptions<Label extends string> extends MetricOptions<Label> {
  /** Sets the counter, by `reset` and `inc`, whenever the metrics are asked for; as for {@link GaugeOptions}. */
  readonly collect?: (counter: Counter<Label>) => void | Promise<void>;
}

export interface GaugeOptions<Label extends string> extends MetricOptions<Label> {
  /** Sets the gauge whenever the metrics are asked for. MUST NOT reject, and MUST end soon: who asks waits for it. */
  readonly collect?: (gauge: Gauge<Label>) => void | Promise<void>;
}

/** One service's metrics; services that share a process have one each. */
export interface Metrics {
  /** A count that only grows: `medtrace_…_total`. */
  counter<Label extends string = never>(options: CounterOptions<Label>): Counter<Label>;
  /** A value that goes up and down. */
  gauge<Label extends string = never>(options: GaugeOptions<Label>): Gauge<Label>;
  /** How values spread: `medtrace_…_seconds`, `_bytes` or `_count` of things at once. */
  histogram<Label extends string = never>(options: HistogramOptions<Label>): Histogram<Label>;
  /** All of it in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

const NAME = /^medtrace(_[a-z][a-z0-9]*)+$/;
const COUNTER = /_total$/;
const UNIT = /_(seconds|bytes|count|ratio|info|timestamp_seconds)$/;
const FOREIGN_UNIT = /_(ms|milliseconds|minutes|hours|kb|mb|kilobytes|percent)(_|$)/;

/** Fresh metrics, with those of the process (CPU, memory, event loop) already in them. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const common = <Label extends string>({ name, help, labels = [] }: MetricOptions<Label>) => {
    if (!NAME.test(name) || FOREIGN_UNIT.test(name)) throw new TypeError(`not a metric's name: ${name}`);
    return { name, help, labelNames: [...labels], registers: [registry] };
  };
  return {
    counter: (options) => {
      if (!COUNTER.test(options.name)) throw new TypeError(`a counter's name ends in _total: ${options.name}`);
      return counterOf(common(options), options.collect);
    },
    gauge: (options) => {
      if (COUNTER.test(options.name)) throw new TypeError(`a gauge's name does not end in _total: ${options.name}`);
      return gaugeOf(common(options), options.collect);
    },
    histogram: (options) => {
      if (!UNIT.test(options.name)) throw new TypeError(`a histogram's name ends in its base unit: ${options.name}`);
      return new Histogram({ ...common(options), buckets: [...options.buckets] });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function counterOf<Label extends string>(
  configuration: CounterConfiguration<Label>,
  collect: CounterOptions<Label>["collect"],
): Counter<Label> {
  const counter: Counter<Label> = new Counter({
    ...configuration,
    ...(collect === undefined ? {} : { collect: () => collect(counter) }),
  });
  return counter;
}

function gaugeOf<Label extends string>(
  configuration: GaugeConfiguration<Label>,
  collect: GaugeOptions<Label>["collect"],
): Gauge<Label> {
  const gauge: Gauge<Label> = new Gauge({
    ...configuration,
    ...(collect === undefined ? {} : { collect: () => collect(gauge) }),
  });
  return gauge;
}
