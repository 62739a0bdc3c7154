/** Where the credentials for a bucket come from; the configuration never holds them. */
export type Credentials =
  /** The SDK's own chain: environment, shared files, role. */
  | { readonly kind: 'default' }
  | { readonly kind: 'profile'; readonly name: string }
  /** `<prefix>_ACCESS_KEY_ID`, `<prefix>_SECRET_ACCESS_KEY` and, if it is set, `<prefix>_SESSION_TOKEN`. */
  | { readonly kind: 'env'; readonly prefix: string };

export const CREDENTIALS_FORMS = '"default", "profile:NAME" or "env:PREFIX"';

/**
 * Parses one of `CREDENTIALS_FORMS`. Returns undefined for any other text. A message must not repeat such a
 * text, because it may be a secret that was put in the wrong place.
 */
export function parseCredentials(text: string): Credentials | undefined {
  if (text === 'default') return { kind: 'default' };
  const [, kind, value = ''] = /^(profile|env):(.+)$/.exec(text) ?? [];
  // A profile name may contain spaces, but not begin or end with one.
  if (kind === 'profile' && /^[^\s\p{Cc}]([^\p{Cc}]*[^\s\p{Cc}])?$/u.test(value)) {
    return { kind, name: value };
  }
  if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return { kind, prefix: value };
  return undefined;
}
