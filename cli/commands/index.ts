import type { TenantCommand } from '../command';
import { holdCancel, holdExtend, holdLegal, holdSet } from './hold';
import { list } from './list';
import { offboard, offboardApprove } from './offboard';
import { onboard } from './onboard';
import { status } from './status';

/** All commands, in the order of --help. */
export const COMMANDS: readonly TenantCommand[] = [
  onboard,
  status,
  list,
  offboard,
  offboardApprove,
  holdExtend,
  holdSet,
  holdCancel,
  holdLegal,
];
