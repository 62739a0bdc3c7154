/** The parts of a record that tests vary. */
export interface RecordDetails {
  readonly eventName?: string;
  readonly eventSource?: string;
  readonly eventVersion?: string;
  readonly bucket?: string;
  /** The key exactly as it is in the record; otherwise the key is encoded. */
  readonly encoded?: string;
}

/** One record of an S3 event notification, as the Amazon S3 user guide describes it. */
export function s3Record(key: string, details: RecordDetails = {}) {
  const bucket = details.bucket ?? 'ours';
  return {
    eventVersion: details.eventVersion ?? '2.1',
    eventSource: details.eventSource ?? 'aws:s3',
    awsRegion: 'eu-central-1',
    eventTime: '2026-01-01T00:00:00.000Z',
    eventName: details.eventName ?? 'ObjectCreated:Put',
    userIdentity: { principalId: 'AWS:EXAMPLE' },
    requestParameters: { sourceIPAddress: '192.0.2.1' },
    responseElements: { 'x-amz-request-id': 'EXAMPLE', 'x-amz-id-2': 'EXAMPLE' },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'images',
      bucket: {
        name: bucket,
        ownerIdentity: { principalId: 'EXAMPLE' },
        arn: `arn:aws:s3:::${bucket}`,
      },
      object: {
        key: details.encoded ?? formEncoded(key),
        size: 1024,
        eTag: 'd41d8cd98f00b204e9800998ecf8427e',
        sequencer: '0055AED6DCD90281E5',
      },
    },
  };
}

/** The body of a MinIO webhook: the same record, with a name and a key before it. */
export function minioWebhook(bucket: string, key: string, eventName: string) {
  const details = { bucket, eventName, eventSource: 'minio:s3', eventVersion: '2.0' };
  // MinIO encodes slashes as well (url.QueryEscape).
  const encoded = formEncoded(key).replaceAll('/', '%2F').replaceAll(':', '%3A');
  return {
    EventName: eventName,
    Key: `${bucket}/${key}`,
    Records: [s3Record(key, { ...details, encoded })],
  };
}

function formEncoded(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/').replaceAll('%20', '+');
}
