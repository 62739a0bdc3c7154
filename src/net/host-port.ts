const MAX_PORT = 65_535;

export interface HostPort {
  /** Empty if the text is only a port. An IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number;
}

/** Parses `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; undefined for any other text. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, address, name = '', digits] =
    /^(?:(?:\[([^[\]]+)\]|([^[\]:\s]*)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > MAX_PORT) return undefined;
  return { host: address ?? name, port };
}

/** Formats `HOST:PORT` for clients. An IPv6 address gets brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${bracketed(host)}:${port}`;
}

/** Formats a host for a URL. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
