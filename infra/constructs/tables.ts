import { Validations } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  ProjectionType,
  Table,
  TableEncryption,
  type TableProps as TablePropsOfCdk,
} from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { BY_STATUS, BY_TENANT_INDEX } from '../../tasks/shared/names';
import type { StageConfig } from '../config';
import { removalPolicy } from './removal';

export interface TableProps {
  readonly config: StageConfig;
  readonly encryptionKey: IKey;
}

const text = (name: string) => ({ name, type: AttributeType.STRING });

/** The registry: the record of truth about tenants, see docs/architecture.md. No tenant session can read it. */
export class RegistryTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, props: TableProps) {
    super(scope, id);
    this.table = keyedTable(this, props);
    // Only STATE items have both attributes: the index is the list of tenants by status.
    this.table.addGlobalSecondaryIndex({
      indexName: BY_STATUS,
      partitionKey: text('status'),
      sortKey: text('tenantId'),
      projectionType: ProjectionType.ALL,
    });
  }
}

/** The tenants' own items, in partitions TENANT#<id> and TENANT#<id>#…. */
export class DataTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, props: TableProps) {
    super(scope, id);
    this.table = keyedTable(this, props);
    indexByTenant(this.table, ProjectionType.KEYS_ONLY);
  }
}

/** Who belongs to which tenant, with which roles: what tokens are issued by. No tenant session can read it. */
export class MembershipTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, props: TableProps) {
    super(scope, id);
    // Only choices for sessions have the attribute: they end with the session.
    this.table = keyedTable(this, props, { timeToLiveAttribute: 'expiresAt' });
    // With everything: it also lists a tenant's members.
    indexByTenant(this.table, ProjectionType.ALL);
  }
}

/** Lists all items of one tenant, whatever their partitions: what offboarding deletes and proves gone. */
const indexByTenant = (table: Table, projectionType: ProjectionType): void =>
  table.addGlobalSecondaryIndex({
    indexName: BY_TENANT_INDEX,
    partitionKey: text('tenantKey'),
    sortKey: text('pk'),
    projectionType,
  });

function keyedTable(
  scope: Construct,
  { config, encryptionKey }: TableProps,
  more: Pick<TablePropsOfCdk, 'timeToLiveAttribute'> = {},
): Table {
  const table = new Table(scope, 'Table', {
    ...more,
    partitionKey: text('pk'),
    sortKey: text('sk'),
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: config.pointInTimeRecovery },
    deletionProtection: config.deletionProtection,
    removalPolicy: removalPolicy(config),
  });
  if (!config.pointInTimeRecovery) {
    Validations.of(table).acknowledge({
      id: 'AwsSolutions-DDB3',
      reason: 'This stage holds test tenants only and is made anew from its requests; staging and prod have it.',
    });
  }
  return table;
}
