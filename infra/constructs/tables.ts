import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { BY_STATUS } from '../../tasks/shared/names';
import type { StageConfig } from '../config';

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
    // Lists all keys of one tenant, whatever its partitions: what offboarding deletes and proves gone.
    this.table.addGlobalSecondaryIndex({
      indexName: 'by-tenant',
      partitionKey: text('tenantKey'),
      sortKey: text('pk'),
      projectionType: ProjectionType.KEYS_ONLY,
    });
  }
}

function keyedTable(scope: Construct, { config, encryptionKey }: TableProps): Table {
  const table = new Table(scope, 'Table', {
    partitionKey: text('pk'),
    sortKey: text('sk'),
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: config.pointInTimeRecovery },
    deletionProtection: config.deletionProtection,
    removalPolicy: config.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
  if (!config.pointInTimeRecovery) {
    Validations.of(table).acknowledge({
      id: 'AwsSolutions-DDB3',
      reason: 'This stage holds test tenants only and is made anew from its requests; staging and prod have it.',
    });
  }
  return table;
}
