import { CloudWatchLogsClient, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { type AuditBucket, serveAuditBucket } from './audit-bucket';

/** A log that takes every audit record, for tests about something else. */
export function serveAuditLog(): void {
  mockClient(CloudWatchLogsClient).on(PutLogEventsCommand).resolves({});
}

/** An empty bucket and a log, for tests of tasks that write nothing else into a bucket. */
export function serveAuditTrail(): AuditBucket {
  serveAuditLog();
  return serveAuditBucket(mockClient(S3Client));
}

/** The audit record under that key. */
export const recordIn = (bucket: AuditBucket, key: string): Record<string, unknown> =>
  JSON.parse(bucket.body(key).toString('utf8')) as Record<string, unknown>;
