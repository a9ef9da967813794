/** Exit codes of tenantctl: stable, scripts may rely on them. docs and --help show this table. */
export const EXIT = {
  /** What was asked for is done, accepted or shown. */
  done: 0,
  /** The request was refused, the operation failed, or the tenant is not known. */
  refused: 1,
  /** Nothing was sent: arguments are wrong, or the target cannot be used (not running, not deployed, no access). */
  unusable: 2,
  /** An AWS call failed or its answer was lost, so the outcome is unknown. The same command may be repeated. */
  unknown: 3,
  /** Ctrl-C while waiting. The execution goes on. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODE_HELP: readonly (readonly [ExitCode, string])[] = [
  [
    EXIT.done,
    'done, accepted or shown; with --wait: the tenant is ACTIVE (offboard: OFFBOARDED, or asleep in its hold)',
  ],
  [
    EXIT.refused,
    'refused, failed, or no such tenant; doctor: something differs; audit: the archive does not verify; check-account: one fails',
  ],
  [EXIT.unusable, 'nothing was sent: wrong arguments, sandbox not running, stack not deployed, no access'],
  [EXIT.unknown, 'an AWS call failed or its answer was lost: repeat the command with the same --request-id'],
  [EXIT.interrupted, 'interrupted while waiting; the execution goes on'],
];
