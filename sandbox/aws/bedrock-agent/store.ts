import { randomBytes } from 'node:crypto';
import type { DataSource, IngestionJob, KnowledgeBase } from '@aws-sdk/client-bedrock-agent';
import { constraint } from '../constraint';
import { type PositionalPage, pageByPosition } from '../page-by-position';
import { type Estate, ServiceError } from '../service';

/** What is under way. It is carried out when somebody looks, once virtual time has come. */
export interface Transition {
  readonly due: Date;
  /** Told the time at which it was due, which may be long before somebody looked. */
  readonly settle: (at: Date) => void;
}

/** The SDK marks every required member as possibly undefined; what is stored has them all. */
type Stored<T, Members extends keyof T> = T & { [Member in Members]-?: Exclude<T[Member], undefined> };

export interface KnowledgeBaseRecord {
  answer: Stored<KnowledgeBase, 'knowledgeBaseId' | 'knowledgeBaseArn' | 'name' | 'status'>;
  readonly clientToken: string | undefined;
  /** What the create call answered, for a replay of its client token. */
  readonly firstAnswer: KnowledgeBase;
  tags: Readonly<Record<string, string>>;
  readonly dataSources: Map<string, DataSourceRecord>;
  transition: Transition | undefined;
}

export interface DataSourceRecord {
  answer: Stored<DataSource, 'dataSourceId' | 'name' | 'status'>;
  readonly clientToken: string | undefined;
  readonly firstAnswer: DataSource;
  readonly jobs: Map<string, IngestionJobRecord>;
  transition: Transition | undefined;
}

export interface IngestionJobRecord {
  answer: Stored<IngestionJob, 'ingestionJobId' | 'status'>;
  readonly clientToken: string | undefined;
  transition: Transition | undefined;
}

export const checked = constraint('ValidationException');

const ID = /^[0-9a-zA-Z]{10}$/;

/** All knowledge bases with what belongs to them. */
export class KnowledgeBaseStore {
  readonly knowledgeBases = new Map<string, KnowledgeBaseRecord>();

  constructor(private readonly estate: Estate) {}

  now(): Date {
    return new Date(this.estate.clock.now());
  }

  after(milliseconds: number, settle: Transition['settle'], from = this.now()): Transition {
    return { due: new Date(from.getTime() + milliseconds), settle };
  }

  arnOf(knowledgeBaseId: string): string {
    return `arn:aws:bedrock:${this.estate.region}:${this.estate.accountId}:knowledge-base/${knowledgeBaseId}`;
  }

  /** Brings everything up to the present. Jobs first: what is deleted next would take them along. */
  settle(): void {
    for (const knowledgeBase of [...this.knowledgeBases.values()]) {
      for (const dataSource of [...knowledgeBase.dataSources.values()]) {
        for (const job of dataSource.jobs.values()) this.#settle(job);
        this.#settle(dataSource);
      }
      this.#settle(knowledgeBase);
    }
  }

  #settle(record: { transition: Transition | undefined }): void {
    while (record.transition && record.transition.due <= this.now()) {
      const { due, settle } = record.transition;
      record.transition = undefined;
      settle(due);
    }
  }

  knowledgeBase(id: string | undefined): KnowledgeBaseRecord {
    const record = this.knowledgeBases.get(checked(id, 'knowledgeBaseId', ID));
    if (!record) throw notFound(`KnowledgeBase with id ${id} is not found.`);
    return record;
  }

  dataSource(knowledgeBase: KnowledgeBaseRecord, id: string | undefined): DataSourceRecord {
    const record = knowledgeBase.dataSources.get(checked(id, 'dataSourceId', ID));
    if (!record) throw notFound(`DataSource with id ${id} is not found.`);
    return record;
  }

  job(dataSource: DataSourceRecord, id: string | undefined): IngestionJobRecord {
    const record = dataSource.jobs.get(checked(id, 'ingestionJobId', ID));
    if (!record) throw notFound(`IngestionJob with id ${id} is not found.`);
    return record;
  }
}

export function newId(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  return [...randomBytes(10)].map((byte) => alphabet.charAt(byte % alphabet.length)).join('');
}

export function checkName(name: string | undefined): string {
  return checked(name, 'name', /^([0-9a-zA-Z][_-]?){1,100}$/);
}

export function checkClientToken(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  if (token.length < 33 || token.length > 256) {
    refuse(`Value at 'clientToken' failed to satisfy constraint: Member must have length between 33 and 256`);
  }
  return checked(token, 'clientToken', /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}$/);
}

export function bedrockPage<T>(
  all: readonly T[],
  maxResults: number | undefined,
  nextToken: string | undefined,
): PositionalPage<T> {
  if (maxResults !== undefined && (maxResults < 1 || maxResults > 1000)) {
    refuse(`Value '${maxResults}' at 'maxResults' failed to satisfy constraint: Member must be between 1 and 1000`);
  }
  const invalidToken = () => new ServiceError('ValidationException', 'Invalid nextToken.');
  return pageByPosition(all, { limit: maxResults ?? 100, token: nextToken }, invalidToken);
}

export function notFound(message: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', message, 404);
}

export function conflict(message: string): ServiceError {
  return new ServiceError('ConflictException', message, 409);
}

/** The text asks to come back later, but it is a count that only a deletion lowers. */
export function quotaExceeded(what: string, quota: number): ServiceError {
  return new ServiceError(
    'ServiceQuotaExceededException',
    `Your request exceeds the service quota for your account: ${what} (${quota}). Resubmit your request later.`,
    402,
  );
}

export function refuse(message: string): never {
  throw new ServiceError('ValidationException', message);
}
