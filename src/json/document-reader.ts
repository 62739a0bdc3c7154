/** Why a document cannot be used: the first thing found wrong, with its place. */
export interface CatalogFault {
  readonly kind: 'unreadable';
  readonly problem: string;
}

/**
 * Reads JSON values as the types they must have and remembers the first that has not. After a fault the
 * values are placeholders: whoever reads must look at `fault` before using any.
 */
export class DocumentReader {
  fault: CatalogFault | undefined;

  fail<T>(at: string, problem: string, placeholder?: T): T {
    this.fault ??= { kind: 'unreadable', problem: `${at} ${problem}` };
    return placeholder as T;
  }

  object(value: unknown, at: string): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Readonly<Record<string, unknown>>;
    }
    return this.fail(at, 'is no object', {});
  }

  text(value: unknown, at: string): string {
    return typeof value === 'string' ? value : this.fail(at, 'is no string', '');
  }

  /** A whole number from 0 on that a double holds exactly. */
  count(value: unknown, at: string): number {
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? value
      : this.fail(at, 'is no whole number from 0 on', 0);
  }

  oneOf<T extends string>(value: unknown, allowed: readonly T[], at: string): T {
    const found = allowed.find((item) => item === value);
    return found ?? this.fail<T>(at, `is none of ${allowed.join(', ')}`, allowed[0]);
  }

  array<T>(value: unknown, at: string, read: (item: unknown, at: string) => T): T[] {
    if (!Array.isArray(value)) return this.fail(at, 'is no list', []);
    return value.map((item: unknown, index) => read(item, `${at}[${index}]`));
  }

  record<T>(
    value: unknown,
    at: string,
    read: (item: unknown, at: string, name: string) => T,
  ): Record<string, T> {
    const entries = Object.entries(this.object(value, at));
    return Object.fromEntries(
      entries.map(([name, item]) => [name, read(item, `${at}["${name}"]`, name)]),
    );
  }

  optional<T>(value: unknown, read: (item: unknown) => T): T | undefined {
    return value === undefined ? undefined : read(value);
  }
}
