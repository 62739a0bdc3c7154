/** An authority to trust beside the known ones. */
export interface TrustedAuthority {
  readonly pem: string;
  readonly system: readonly string[];
}

/** How a simplestreams server may be read. Each absent field has its value of DEFAULTS. */
export interface FetchPolicy {
  /** Holds for each request: for the server's URL, for an absolute path in a list, for a redirect. */
  readonly schemes?: readonly ('https:' | 'http:')[];
  /** Redirects that one file may take. */
  readonly redirects?: number;
  /** Milliseconds. A connection that is silent for so long while its reader waits counts as lost. */
  readonly idle?: number;
  /** Without it and without `certificate`, Node's authorities decide. */
  readonly authority?: TrustedAuthority;
  /** PEM: the server must have this very certificate, whoever signed it. Takes precedence. */
  readonly certificate?: string;
  /** Ends every request, and every body that is being read. */
  readonly signal?: AbortSignal;
  /** What a person can do about a certificate that is not trusted; follows the error's text. */
  readonly trustAdvice?: string;
}

/** Go's HTTP client, which LXD and Incus use, follows as many redirects. */
export const DEFAULTS = {
  schemes: ['https:', 'http:'],
  redirects: 9,
  idle: 60_000,
} as const satisfies FetchPolicy;
