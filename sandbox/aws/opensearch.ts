import { randomBytes } from 'node:crypto';
import type {
  CreateIndexCommandInput,
  CreateIndexResponse,
  DeleteIndexCommandInput,
  DeleteIndexResponse,
  DescribeDomainCommandInput,
  DescribeDomainResponse,
  DomainStatus,
  GetIndexCommandInput,
  GetIndexResponse,
  ListDomainNamesResponse,
  ListTagsResponse,
  UpdateIndexCommandInput,
  UpdateIndexResponse,
} from '@aws-sdk/client-opensearch';
import { constraint } from './constraint';
import { newIndex, refuse, updatedIndex, type VectorIndex } from './opensearch/index-schema';
import { type Estate, type RestJsonService, ServiceError } from './service';

export interface OpenSearchOptions {
  /** Shards, replicas included, that all indices of a domain may have together. @default 3000: 1000 on each of 3 nodes */
  readonly maximumShards?: number;
}

export interface DomainDefinition {
  readonly name: string;
  /** @default 'OpenSearch_2.19' */
  readonly engineVersion?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface OpenSearch {
  readonly service: RestJsonService;
  createDomain(definition: DomainDefinition): DomainHandle;
  /** State for assertions. */
  indices(domainName: string): readonly VectorIndex[];
  /** What Bedrock asks before it uses an index. */
  indexExists(domainArn: string, indexName: string): boolean;
}

export interface DomainHandle {
  readonly arn: string;
  /** Host name without a scheme, as CloudFormation's DomainEndpoint. */
  readonly endpoint: string;
}

interface Domain {
  readonly status: DomainStatus & { readonly DomainName: string; readonly ARN: string };
  readonly tags: Readonly<Record<string, string>>;
  readonly indices: Map<string, VectorIndex>;
}

const DOMAIN = '/2021-01-01/opensearch/domain/{DomainName}';
const checked = constraint('ValidationException');

/** Amazon OpenSearch Service's control plane; the data plane of a domain is not served. */
export function createOpenSearch(estate: Estate, { maximumShards = 3000 }: OpenSearchOptions = {}): OpenSearch {
  const domains = new Map<string, Domain>();

  return {
    service: {
      protocol: 'rest-json',
      name: 'opensearch',
      signingNames: ['es'],
      routes: [
        { operation: 'ListDomainNames', method: 'GET', path: '/2021-01-01/domain' },
        { operation: 'DescribeDomain', method: 'GET', path: DOMAIN },
        { operation: 'CreateIndex', method: 'POST', path: `${DOMAIN}/index` },
        { operation: 'GetIndex', method: 'GET', path: `${DOMAIN}/index/{IndexName}` },
        { operation: 'UpdateIndex', method: 'PUT', path: `${DOMAIN}/index/{IndexName}` },
        { operation: 'DeleteIndex', method: 'DELETE', path: `${DOMAIN}/index/{IndexName}` },
        { operation: 'ListTags', method: 'GET', path: '/2021-01-01/tags/' },
      ],
      operations: { ...domainOperations(domains), ...indexOperations(domains, estate, maximumShards) },
    },
    createDomain(definition) {
      const domain = newDomain(estate, definition);
      domains.set(definition.name, domain);
      return { arn: domain.status.ARN, endpoint: domain.status.Endpoint ?? '' };
    },
    indices: (domainName) => [...domainNamed(domains, domainName).indices.values()],
    indexExists: (domainArn, indexName) => domainWithArn(domains, domainArn)?.indices.has(indexName) ?? false,
  };
}

function newDomain({ region, accountId }: Estate, definition: DomainDefinition): Domain {
  const { name, engineVersion = 'OpenSearch_2.19', tags = {} } = definition;
  return {
    status: {
      DomainId: `${accountId}/${name}`,
      DomainName: name,
      ARN: `arn:aws:es:${region}:${accountId}:domain/${name}`,
      Created: true,
      Deleted: false,
      Processing: false,
      EngineVersion: engineVersion,
      Endpoint: `search-${name}-${randomBytes(13).toString('hex')}.${region}.es.amazonaws.com`,
      ClusterConfig: { InstanceType: 'r6g.large.search', InstanceCount: 3 },
      DomainProcessingStatus: 'Active',
    },
    tags,
    indices: new Map(),
  };
}

/** Also the answer of the index operations when the domain is missing: the two cannot be told apart by their error. */
function domainNamed(domains: ReadonlyMap<string, Domain>, name: string | undefined): Domain {
  const domain = domains.get(checked(name, 'domainName', /^[a-z][a-z0-9-]{2,27}$/));
  if (!domain) throw notFound(`Domain not found: ${name}`);
  return domain;
}

function domainWithArn(domains: ReadonlyMap<string, Domain>, arn: string): Domain | undefined {
  return [...domains.values()].find(({ status }) => status.ARN === arn);
}

/** The API model gives it status 409, not 404. */
function notFound(message: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', message, 409);
}

function domainOperations(domains: ReadonlyMap<string, Domain>) {
  return {
    ListDomainNames(): ListDomainNamesResponse {
      const names = [...domains.values()].map(({ status }) => status.DomainName);
      return { DomainNames: names.map((DomainName) => ({ DomainName, EngineType: 'OpenSearch' })) };
    },

    DescribeDomain(input: DescribeDomainCommandInput): DescribeDomainResponse {
      return { DomainStatus: domainNamed(domains, input.DomainName).status };
    },

    /** Named `arn` in the query. */
    ListTags(input: { readonly arn?: string }): ListTagsResponse {
      const domain = domainWithArn(domains, checked(input.arn, 'aRN'));
      if (!domain) throw notFound(`Resource not found: ${input.arn}`);
      return { TagList: Object.entries(domain.tags).map(([Key, Value]) => ({ Key, Value })) };
    },
  };
}

function indexOperations(domains: ReadonlyMap<string, Domain>, { clock }: Estate, maximumShards: number) {
  const find = (input: { DomainName: string | undefined; IndexName: string | undefined }) => {
    const { indices } = domainNamed(domains, input.DomainName);
    const index = indices.get(checked(input.IndexName, 'indexName'));
    if (!index) throw notFound(`no such index [${input.IndexName}]`);
    return { indices, index };
  };

  return {
    CreateIndex(input: CreateIndexCommandInput): CreateIndexResponse {
      const { indices } = domainNamed(domains, input.DomainName);
      const stamp = { createdAt: clock.now(), uuid: randomBytes(16).toString('base64url') };
      const index = newIndex(checked(input.IndexName, 'indexName'), input.IndexSchema, stamp);
      if (indices.has(index.name)) {
        throw new ServiceError('ResourceAlreadyExistsException', `index [${index.name}] already exists`, 409);
      }
      const open = [...indices.values()].reduce((sum, { shards }) => sum + shards, 0);
      if (open + index.shards > maximumShards) {
        refuse(
          `Validation Failed: 1: this action would add [${index.shards}] total shards, but this cluster currently has ` +
            `[${open}]/[${maximumShards}] maximum shards open;`,
        );
      }
      indices.set(index.name, index);
      return { Status: 'CREATED' };
    },

    GetIndex(input: GetIndexCommandInput): GetIndexResponse {
      const { settings, mappings, aliases } = find(input).index;
      return { IndexSchema: JSON.parse(JSON.stringify({ settings, mappings, aliases })) };
    },

    UpdateIndex(input: UpdateIndexCommandInput): UpdateIndexResponse {
      const { indices, index } = find(input);
      indices.set(index.name, updatedIndex(index, input.IndexSchema));
      return { Status: 'UPDATED' };
    },

    DeleteIndex(input: DeleteIndexCommandInput): DeleteIndexResponse {
      const { indices, index } = find(input);
      indices.delete(index.name);
      return { Status: 'DELETED' };
    },
  };
}
