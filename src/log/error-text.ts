/** Returns the message of any thrown value, for a log line or another message. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
