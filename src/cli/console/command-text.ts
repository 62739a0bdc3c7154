import { type OperandSpec, type OptionSpecs } from './arguments.ts';

export interface CommandText<S extends OptionSpecs = OptionSpecs> {
  /** The words after `bucketstreams`. */
  readonly name: string;
  /** What it does: whole sentences, wrapped at 80 columns. */
  readonly description: string;
  readonly options: S;
  readonly operands?: OperandSpec;
  /** Command lines to copy. */
  readonly examples: readonly string[];
}
