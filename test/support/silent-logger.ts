import type { Logger } from '../../src/log/logger.ts';

/** Drops every message. */
export const silentLogger: Logger = () => undefined;
