import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { DOCUMENT_PATTERNS } from '../../src/facts/delivery-policy.ts';

/** What anybody may fetch through the CDN. */
const PUBLIC_PATTERNS = ['images/*', ...DOCUMENT_PATTERNS];

/**
 * Lets CloudFront read what is public. It may list too, since S3 tells it of a missing key by 404 only then;
 * listings are not reachable, the distribution's function answers them.
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
 * For a mirror's bucket, which is there before the distribution: any distribution of this account, since a
 * stack in another region cannot be told which one.
 */
export function anyDistribution(): string {
  return `arn:${Aws.PARTITION}:cloudfront::${Aws.ACCOUNT_ID}:distribution/*`;
}

/**
 * Refuses an upload of an image file that does not ask to be the first of its key. The parts of a multipart
 * upload cannot ask, its completion does (Amazon S3 user guide, "Enforce conditional writes").
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

/** The ARN of the keys like `pattern`. */
export function objects(bucket: string, pattern: string): string {
  return `${bucketArn(bucket)}/${pattern}`;
}
