import type { CounterName, GaugeName } from '../facts/metric-names.ts';

/** Distinguishes the series of one metric. */
export interface MetricLabels {
  /** The name of the measured mirror; absent for the master. */
  readonly mirror?: string;
}

/** Accepts measurements. Implementations send them to a monitoring system. Never throws. */
export interface Meter {
  /** Adds to a counter. Adding 0 creates the series. */
  count(name: CounterName, amount: number, labels?: MetricLabels): void;
  /** Replaces the value of a gauge. */
  gauge(name: GaugeName, value: number, labels?: MetricLabels): void;
}

/** Ignores all measurements. */
export const silentMeter: Meter = {
  count: () => undefined,
  gauge: () => undefined,
};
