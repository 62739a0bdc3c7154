export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured logging: `event` is a fixed phrase to search for, `fields` are the variable parts. */
export type Logger = (level: LogLevel, event: string, fields?: LogFields) => void;

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Returns a logger that writes events of at least `level`, each as a JSON document on one line. */
export function jsonLogger(write: (line: string) => void, level: LogLevel = 'info'): Logger {
  const least = ORDER.indexOf(level);
  return (at, event, fields = {}) => {
    if (ORDER.indexOf(at) < least) return;
    write(JSON.stringify({ time: new Date().toISOString(), level: at, event, ...fields }) + '\n');
  };
}

/** Returns a logger that writes events of at least `level` for people: `event: name=value …`. */
export function textLogger(write: (line: string) => void, level: LogLevel = 'info'): Logger {
  const least = ORDER.indexOf(level);
  return (at, event, fields = {}) => {
    if (ORDER.indexOf(at) < least) return;
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${quoted(String(value))}`);
    const mark = at === 'info' ? '' : `${at}: `;
    write(`${mark}${event}${details.length > 0 ? `: ${details.join(' ')}` : ''}\n`);
  };
}

function quoted(value: string): string {
  // These lines go to a terminal and may contain names from uploads, so control characters are escaped.
  return /^[\w./:@%+-]*$/.test(value) ? value : JSON.stringify(value);
}
