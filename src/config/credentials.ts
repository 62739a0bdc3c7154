/** Where the credentials for a store come from; the configuration never holds them. */
export type Credentials =
  /** The SDK's own chain: environment, shared files, role. */
  | { readonly kind: 'default' }
  | { readonly kind: 'profile'; readonly name: string }
  /** `<prefix>_ACCESS_KEY_ID`, `<prefix>_SECRET_ACCESS_KEY` and, where there is one, `<prefix>_SESSION_TOKEN`. */
  | { readonly kind: 'env'; readonly prefix: string }
  /** A secret of AWS Secrets Manager. */
  | { readonly kind: 'secret'; readonly arn: string };

export const CREDENTIALS_FORMS = '"default", "profile:NAME", "env:PREFIX" or "secret:ARN"';

/** Reads one of `CREDENTIALS_FORMS`; undefined when it is none. */
export function parseCredentials(text: string): Credentials | undefined {
  if (text === 'default') return { kind: 'default' };
  const [, kind, value = ''] = /^(profile|env|secret):(.+)$/.exec(text) ?? [];
  if (kind === 'profile' && /^[^\s:]+$/.test(value)) return { kind, name: value };
  if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return { kind, prefix: value };
  const secret = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+$/;
  if (kind === 'secret' && secret.test(value)) return { kind, arn: value };
  return undefined;
}
