import type { TenantCommand } from '../command';
import { list } from './list';
import { onboard } from './onboard';
import { status } from './status';

/** All commands, in the order of --help. */
export const COMMANDS: readonly TenantCommand[] = [onboard, status, list];
