import type { Terminal } from './terminal.ts';

/**
 * A progress line on standard error for a long operation. It prints nothing when standard error is not a terminal.
 */
export interface Progress {
  /** Shows the amount done so far, and `total` if it is known. */
  update(done: number, total?: number, label?: string): void;
  /** Removes the line, so that other text can follow. */
  clear(): void;
}

/** Milliseconds between two updates of the line. */
const INTERVAL = 100;

/** Creates a progress line for `what`, counted in bytes or in items. */
export function createProgress(
  terminal: Terminal,
  what: string,
  { unit = 'bytes', now = Date.now }: { unit?: 'bytes' | 'count'; now?: () => number } = {},
): Progress {
  if (!terminal.interactive) return { update: () => undefined, clear: () => undefined };
  const started = now();
  let drawn = Number.NEGATIVE_INFINITY;
  let shown = false;
  return {
    update(done, total, label) {
      const at = now();
      if (at - drawn < INTERVAL && done !== total) return;
      drawn = at;
      shown = true;
      const line = `${what}: ${progressText(done, total, (at - started) / 1000, unit)}${label ? ` ${label}` : ''}`;
      terminal.err(`\r\u001b[K${line.slice(0, Math.max(terminal.columns - 1, 1))}`);
    },
    clear() {
      if (shown) terminal.err('\r\u001b[K');
      shown = false;
    },
  };
}

/** Returns `12.0 of 48.0 MB (25 %), 6.0 MB/s, 6 s left`. `seconds` is the time since the start. */
export function progressText(
  done: number,
  total: number | undefined,
  seconds: number,
  unit: 'bytes' | 'count' = 'bytes',
): string {
  const amount = unit === 'bytes' ? formatBytes : (count: number) => String(Math.round(count));
  const known = total !== undefined && total > 0;
  const part = known
    ? `${amount(done)} of ${amount(total)} (${Math.floor((done / total) * 100)} %)`
    : amount(done);
  // In the first second the rate is not meaningful.
  if (seconds < 1 || done <= 0) return part;
  const rate = done / seconds;
  const left = known && done < total ? `, ${formatDuration((total - done) / rate)} left` : '';
  return `${part}, ${amount(rate)}/s${left}`;
}

/** Formats bytes in decimal units, as storage is sold: 1 MB is 1,000,000 bytes. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  let value = bytes;
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    value /= 1000;
    if (value < 999.95 || unit === 'TB') return `${value.toFixed(1)} ${unit}`;
  }
  return `${value.toFixed(1)} TB`;
}

function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
