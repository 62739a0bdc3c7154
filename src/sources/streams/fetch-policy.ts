/** An authority to trust in addition to the system's. */
export interface TrustedAuthority {
  readonly pem: string;
  readonly system: readonly string[];
}

/** How to read a simplestreams server. Absent fields have their value of DEFAULTS. */
export interface FetchPolicy {
  /** Allowed schemes for every request: the server's URL, an absolute path in a list, and a redirect. */
  readonly schemes?: readonly ('https:' | 'http:')[];
  /** The most redirects for one file. */
  readonly redirects?: number;
  /** Milliseconds. A connection counts as lost when it is silent this long while its reader waits. */
  readonly idle?: number;
  /** Without it and without `certificate`, Node's authorities decide. */
  readonly authority?: TrustedAuthority;
  /** PEM. The server must have exactly this certificate, no matter who signed it. Takes precedence over `authority`. */
  readonly certificate?: string;
  /** Aborts every request, and every body that is being read. */
  readonly signal?: AbortSignal;
  /** Advice for a person when a certificate is not trusted; appended to the error message. */
  readonly trustAdvice?: string;
}

/** Go's HTTP client, which LXD and Incus use, follows the same number of redirects. */
export const DEFAULTS = {
  schemes: ['https:', 'http:'],
  redirects: 9,
  idle: 60_000,
} as const satisfies FetchPolicy;
