import { decodeObjectEvents } from '../../pipeline/indexing/object-events.ts';
import { targetOfKey } from '../../pipeline/indexing/targets.ts';
import type { Logger } from '../../log/logger.ts';
import { startEventsEndpoint } from './events-endpoint.ts';
import type { ListenAddress } from '../../net/listen.ts';
import type { ChangeSource } from './change-source.ts';
import { watchDirectory } from './image-watcher.ts';

/** Changes in a directory store, from the operating system. */
export function directorySource(directory: string, log: Logger): ChangeSource {
  return (dirty) => watchDirectory(directory, dirty, log);
}

/** Changes in a bucket, from its notifications. Events of other buckets than `bucket` are ignored. */
export function eventsSource(
  address: ListenAddress,
  { token, bucket, log }: { readonly token: string; readonly bucket: string; readonly log: Logger },
): ChangeSource {
  return async (dirty) => {
    const accept = (body: string) => {
      const events = decodeObjectEvents(body, { bucket });
      if (events.kind === 'malformed') throw new Error(events.reason);
      if (events.kind === 'test') return;
      for (const reason of events.malformed) log('warn', 'an event could not be read', { reason });
      for (const { key } of events.keys) {
        const target = targetOfKey(key);
        if (target) dirty([target.prefix]);
        else log('warn', 'not indexed', { key });
      }
    };
    const endpoint = await startEventsEndpoint({ ...address, token, accept, log });
    log('info', 'listening for bucket notifications', {
      host: endpoint.host,
      port: endpoint.port,
    });
    return endpoint;
  };
}
