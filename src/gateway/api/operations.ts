import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

import type { OperationDocument } from './responses.ts';
import type { TrustedClient } from '../trust-store.ts';

/** The announcement of a push by a client, before its daemon sends the image. */
export interface PushIntent {
  /** Absent when the announcement has no fingerprint. */
  readonly fingerprint?: string;
  readonly aliases: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly client: TrustedClient;
}

interface Entry {
  document: OperationDocument;
  readonly secret?: string;
  intent?: PushIntent;
  readonly expires: number;
}

/** Milliseconds for which clients can query an operation, and can start an announced push. */
const LIFETIME = 60 * 60 * 1000;
const MAX_OPERATIONS = 10_000;

/**
 * The operations that clients may still query. An operation is already finished when its client receives its id,
 * except an announced push.
 */
export class Operations {
  private readonly entries = new Map<string, Entry>();
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /**
   * Adds an operation that succeeded, or failed with `error`. With `secret`, the secret alone allows to query it.
   */
  finished(
    description: string,
    metadata: Readonly<Record<string, unknown>> | null,
    { error = '', withSecret = false }: { error?: string; withSecret?: boolean } = {},
  ): OperationDocument {
    const secret = withSecret ? randomBytes(32).toString('hex') : undefined;
    const result = secret === undefined ? metadata : { ...metadata, secret };
    const state = error === '' ? (['Success', 200] as const) : (['Failure', 400] as const);
    return this.keep('task', description, state, result, { error, secret });
  }

  /** Announces a push. `metadata.secret` allows one upload. */
  announce(intent: PushIntent): OperationDocument {
    const secret = randomBytes(32).toString('hex');
    const state = ['Running', 103] as const;
    return this.keep('token', 'Image upload operation', state, { secret }, { secret, intent });
  }

  find(id: string): OperationDocument | undefined {
    this.expire();
    return this.entries.get(id)?.document;
  }

  /** Returns whether this secret allows an unknown client to query this operation. */
  mayAsk(id: string, secret: string): boolean {
    const own = this.entries.get(id)?.secret;
    return own !== undefined && sameText(own, secret);
  }

  /** Returns the announced push of this secret. A secret works once. */
  redeem(secret: string): PushIntent | undefined {
    this.expire();
    for (const entry of this.entries.values()) {
      const { secret: own, intent } = entry;
      if (intent === undefined || own === undefined || !sameText(own, secret)) continue;
      entry.intent = undefined;
      return intent;
    }
    return undefined;
  }

  remove(id: string): boolean {
    return this.entries.delete(id);
  }

  private keep(
    kind: OperationDocument['class'],
    description: string,
    [status, code]: readonly [string, number],
    metadata: OperationDocument['metadata'],
    { error = '', ...more }: { error?: string; secret?: string; intent?: PushIntent },
  ): OperationDocument {
    const at = new Date(this.now()).toISOString();
    const document: OperationDocument = {
      id: randomUUID(),
      class: kind,
      description,
      created_at: at,
      updated_at: at,
      status,
      status_code: code,
      resources: null,
      metadata,
      may_cancel: kind === 'token',
      err: error,
      location: 'none',
    };
    this.expire();
    this.entries.set(document.id, { document, expires: this.now() + LIFETIME, ...more });
    return document;
  }

  /** Entries are in the order of creation, so the oldest are first. */
  private expire(): void {
    for (const [id, { expires }] of this.entries) {
      if (expires > this.now() && this.entries.size <= MAX_OPERATIONS) return;
      this.entries.delete(id);
    }
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
