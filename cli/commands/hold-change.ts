import { repeatOf, type Scope } from '../command';
import { EXIT, type ExitCode } from '../exit-code';
import { type Colors, facts } from '../output';
import { principalOf } from '../principal';
import type { HoldAnswer, HoldChange } from '../target';
import type { Unsigned } from '../waiting';

/** Undefined when none stands. */
export const legalHoldFact = (ids: readonly string[] = []): string | undefined =>
  ids.length === 0
    ? undefined
    : `${ids.join(', ')}: nothing is destroyed before ${ids.length === 1 ? 'it is' : 'all are'} released`;

/** Sends a change to the change-hold function and shows what holds a purge back now. */
export async function sendHoldChange(
  change: Unsigned<HoldChange>,
  { output, openTarget, targetArguments }: Scope,
): Promise<ExitCode> {
  const target = await openTarget();
  const requestedBy = principalOf(await target.callerArn());
  const answer = await target.changeHold({ ...change, requestedBy }, repeatOf(change.requestId, targetArguments));
  output.result(answer, holdLines(answer, output.colors));
  return EXIT.done;
}

export const holdLines = (
  { tenantId, status, holdUntil, legalHolds, approvedBy, encryptionKeyDeletionDate }: HoldAnswer,
  colors: Colors,
): string[] => [
  `${colors.green('✓')} ${colors.bold(tenantId)} is ${colors.bold(status)}`,
  ...facts(
    [
      ['hold until', holdUntil],
      ['legal hold', legalHoldFact(legalHolds) ?? 'none'],
      [
        'key gone on',
        encryptionKeyDeletionDate &&
          `${encryptionKeyDeletionDate}: no hold stops AWS KMS; cancel the deletion there if the key is needed`,
      ],
      ['approved by', approvedBy],
    ],
    colors,
  ),
];
