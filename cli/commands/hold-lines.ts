import { type Colors, facts } from '../output';
import type { HoldAnswer } from '../target';

/** What holds a purge back now. */
export const holdLines = (
  { tenantId, status, holdUntil, legalHold, approvedBy }: HoldAnswer,
  colors: Colors,
): string[] => [
  `${colors.bold(tenantId)} is ${colors.bold(status)}`,
  ...facts(
    [
      ['hold until', holdUntil],
      ['legal hold', legalHold ? 'on' : 'off'],
      ['approved by', approvedBy],
    ],
    colors,
  ),
];
