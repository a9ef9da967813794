import {
  type Call,
  operationOf,
  type RawRequest,
  type RawResponse,
  type RawService,
  type ServiceError,
} from '../service';
import { bucketOperations } from './buckets';
import { listOperations } from './listing';
import { lockOperations } from './lock';
import { multipartOperations } from './multipart';
import { objectOperations } from './objects';
import { identify, OPERATION_NAMES, type S3Operation } from './requests';
import type { Store } from './store';
import { buildXml } from './xml';

/** S3 over REST XML, path-style. */
export function s3Service(store: Store): RawService {
  const operations: Readonly<Record<string, S3Operation>> = {
    ...bucketOperations(store),
    ...objectOperations(store),
    ...lockOperations(store),
    ...listOperations(store),
    ...multipartOperations(store),
  };

  return {
    protocol: 'raw',
    name: 's3',
    signingNames: ['s3'],
    operationNames: OPERATION_NAMES,
    identify,
    handle: (request: RawRequest, call: Call): RawResponse => operationOf(operations, call)(call.input, request, call),
    fail,
  };
}

/** Answers to HEAD have no body, so clients see the status alone: 404 becomes NotFound. */
function fail(error: ServiceError, { operation, input, requestId }: Call): RawResponse {
  if (operation.startsWith('Head')) return { status: error.status };
  const resource = `/${[input['Bucket'], input['Key']].filter(Boolean).join('/')}`;
  const { code: Code, message: Message, members } = error;
  const body = buildXml('Error', { Code, Message, ...members, Resource: resource, RequestId: requestId });
  return {
    status: error.status,
    headers: { 'content-type': 'application/xml' },
    body: body.replace(/ xmlns="[^"]*"/, ''),
  };
}
