import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { DOCUMENT_PATTERNS } from '../../src/facts/delivery-policy.ts';

/** The keys that anybody may fetch through the CDN. */
const PUBLIC_PATTERNS = ['images/*', ...DOCUMENT_PATTERNS];

/**
 * Lets CloudFront read public objects. It may also list the bucket: only then does S3 respond with 404 for a
 * missing key. Listings are not reachable, because the distribution's function responds to such requests.
 *
 * @param distribution ARN or pattern of ARNs of the distributions meant.
 */
export function edgeMayRead(bucket: string, distribution: string): iam.PolicyStatement[] {
  const common = {
    principals: [new iam.ServicePrincipal('cloudfront.amazonaws.com')],
    conditions: { ArnLike: { 'aws:SourceArn': distribution } },
  };
  return [
    new iam.PolicyStatement({
      sid: 'EdgeReads',
      actions: ['s3:GetObject'],
      resources: PUBLIC_PATTERNS.map((pattern) => objects(bucket, pattern)),
      ...common,
    }),
    new iam.PolicyStatement({
      sid: 'EdgeLearnsWhatIsMissing',
      actions: ['s3:ListBucket'],
      resources: [bucketArn(bucket)],
      ...common,
    }),
  ];
}

/**
 * Returns a pattern for any distribution of this account. A mirror's bucket exists before the distribution,
 * and a stack in another region cannot get the distribution's id.
 */
export function anyDistribution(): string {
  return `arn:${Aws.PARTITION}:cloudfront::${Aws.ACCOUNT_ID}:distribution/*`;
}

/**
 * Denies an upload of an image file that is not conditional on an absent key. The parts of a multipart upload
 * cannot be conditional, but its completion is (Amazon S3 user guide, "Enforce conditional writes").
 * `product.toml` and `removed.json` are documents and may change.
 */
export function writeOnce(bucket: string): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'ImagesAreWrittenOnce',
    effect: iam.Effect.DENY,
    principals: [new iam.AnyPrincipal()],
    actions: ['s3:PutObject'],
    notResources: [
      'catalog/*',
      ...DOCUMENT_PATTERNS,
      'images/*/product.toml',
      'images/*/removed.json',
    ].map((pattern) => objects(bucket, pattern)),
    conditions: {
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    },
  });
}

export function bucketArn(bucket: string): string {
  return `arn:${Aws.PARTITION}:s3:::${bucket}`;
}

/** Returns the ARN of the keys that match `pattern`. */
export function objects(bucket: string, pattern: string): string {
  return `${bucketArn(bucket)}/${pattern}`;
}
