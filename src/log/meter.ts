import type { CounterName, GaugeName } from '../facts/metric-names.ts';

/** Tells series of one metric apart. */
export interface MetricLabels {
  /** The name of the mirror that it is about; absent for the master. */
  readonly mirror?: string;
}

/** Takes measurements where they are made. Implementations send them to a monitoring system. Never throws. */
export interface Meter {
  /** Adds to a counter. Adding 0 makes the series known. */
  count(name: CounterName, amount: number, labels?: MetricLabels): void;
  /** Replaces the value of a gauge. */
  gauge(name: GaugeName, value: number, labels?: MetricLabels): void;
}

/** Drops everything. */
export const silentMeter: Meter = {
  count: () => undefined,
  gauge: () => undefined,
};
