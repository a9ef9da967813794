import { BedrockAgentRuntimeClient } from '@aws-sdk/client-bedrock-agent-runtime';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { REPEATABLE } from '../shared/clients';
import { type SessionCredentials, sts } from './session';

/**
 * SDK clients of one session, each made when it is first asked for: for one invocation, because the next one that runs here
 * may be for another tenant. Nothing but connections outlives them.
 */
export class TenantClients {
  readonly #settings: ReturnType<typeof settingsOf>;
  #dynamodb: DynamoDBDocumentClient | undefined;
  #s3: S3Client | undefined;
  #kms: KMSClient | undefined;
  #logs: CloudWatchLogsClient | undefined;
  #retrieval: BedrockAgentRuntimeClient | undefined;
  #sts: STSClient | undefined;

  /** @param where an endpoint that is not AWS's own @default what the environment says */
  constructor(credentials: SessionCredentials, where: object = {}) {
    this.#settings = settingsOf(credentials, where);
  }

  /** Of the tenant's items: partition keys `TENANT#<id>` (read only) and `TENANT#<id>#…`. */
  get dynamodb(): DynamoDBDocumentClient {
    this.#dynamodb ??= DynamoDBDocumentClient.from(new DynamoDBClient(this.#settings));
    return this.#dynamodb;
  }

  /** Of the objects below `tenants/<id>/`. */
  get s3(): S3Client {
    this.#s3 ??= new S3Client(this.#settings);
    return this.#s3;
  }

  /** Of the tenant's key. */
  get kms(): KMSClient {
    this.#kms ??= new KMSClient(this.#settings);
    return this.#kms;
  }

  /** Of the tenant's audit log, read only. */
  get logs(): CloudWatchLogsClient {
    this.#logs ??= new CloudWatchLogsClient(this.#settings);
    return this.#logs;
  }

  /** Of the tenant's knowledge base: Retrieve. */
  get retrieval(): BedrockAgentRuntimeClient {
    this.#retrieval ??= new BedrockAgentRuntimeClient(this.#settings);
    return this.#retrieval;
  }

  /** Says whose session it is, and nothing else. */
  get sts(): STSClient {
    this.#sts ??= new STSClient(this.#settings);
    return this.#sts;
  }
}

// The connections of one client for all: they stay warm, and the runtime of Bedrock would open one of HTTP/2 by itself.
const settingsOf = (credentials: SessionCredentials, where: object) => ({
  ...REPEATABLE,
  ...where,
  credentials,
  requestHandler: sts.config.requestHandler,
});
