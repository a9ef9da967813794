import { ACCESS_CONTRACTS } from '../tasks/access/contract';
import { ARCHIVE_CONTRACTS } from '../tasks/audit-archive/contract';
import { DOCTOR_CONTRACTS } from '../tasks/doctor/contract';
import { ESTATE_CONTRACTS } from '../tasks/estate/contract';
import { LIFECYCLE_CONTRACTS } from '../tasks/lifecycle/contract';
import { OFFBOARDING_CONTRACTS } from '../tasks/lifecycle/offboarding-contract';
import { MEMBERSHIP_CONTRACTS } from '../tasks/membership/contract';
import { RESOURCE_VERBS, TENANT_RESOURCES } from '../tasks/resources';
import type { TaskContract } from '../tasks/shared/contract';
import { TENANT_ACCESS_CONTRACTS } from '../tasks/tenant-access/contract';
import { issueTenantClaim, switchTenant } from '../tasks/tenant-claim/contract';

/** Functions that a resource of the data stack calls: they are deployed with it, because it cannot be made before them. */
export const TRIGGERS: readonly TaskContract[] = [issueTenantClaim];

/** Every task there is: each gets a function and a role of its own. */
export const CONTRACTS: readonly TaskContract[] = [
  ...TRIGGERS,
  ...TENANT_RESOURCES.map(({ provision }) => provision),
  ...RESOURCE_VERBS,
  ...LIFECYCLE_CONTRACTS,
  ...OFFBOARDING_CONTRACTS,
  ...ESTATE_CONTRACTS,
  ...ARCHIVE_CONTRACTS,
  ...DOCTOR_CONTRACTS,
  ...ACCESS_CONTRACTS,
  ...TENANT_ACCESS_CONTRACTS,
  ...MEMBERSHIP_CONTRACTS,
  switchTenant,
];
