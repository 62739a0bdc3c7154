const MAX_PORT = 65_535;

export interface HostPort {
  /** Empty where the text has a port alone. An IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; undefined for any other text. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, address, name = '', digits] =
    /^(?:(?:\[([^[\]]+)\]|([^[\]:\s]*)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > MAX_PORT) return undefined;
  return { host: address ?? name, port };
}

/** `HOST:PORT` as clients read it: an IPv6 address gets brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${bracketed(host)}:${port}`;
}

/** A host as it stands in a URL. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
