import type { TenantCommand } from '../command';
import { auditVerify } from './audit';
import { auditQuery } from './audit-query';
import { auditReport } from './audit-report';
import { checkAccount } from './check-account';
import { doctor } from './doctor';
import { executions } from './executions';
import { holdCancel, holdExtend, holdLegal, holdSet } from './hold';
import { list } from './list';
import { offboard, offboardApprove } from './offboard';
import { onboard } from './onboard';
import { replay } from './replay';
import { status } from './status';

/** All commands, in the order of --help. */
export const COMMANDS: readonly TenantCommand[] = [
  onboard,
  status,
  list,
  executions,
  replay,
  doctor,
  offboard,
  offboardApprove,
  holdExtend,
  holdSet,
  holdCancel,
  holdLegal,
  auditVerify,
  auditQuery,
  auditReport,
  checkAccount,
];
