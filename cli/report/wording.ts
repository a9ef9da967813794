/** `812 ms`, `4.2 s`, `3 min 5 s`, `29 d 23 h` */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const units = [
    [86_400_000, 'd', 3_600_000, 'h'],
    [3_600_000, 'h', 60_000, 'min'],
    [60_000, 'min', 1000, 's'],
  ] as const;
  for (const [size, unit, part, partUnit] of units) {
    if (milliseconds < size) continue;
    const rest = Math.floor((milliseconds % size) / part);
    return `${Math.floor(milliseconds / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${partUnit}`}`;
  }
  return `${milliseconds} ms`;
}

/** `2026-11-24 11:30:02 UTC` */
export const instant = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

/** What an audit record's action reads as; a step reads as its state's name. */
export const ACTIONS: Readonly<Record<string, string>> = {
  'request-onboard': 'Onboarding requested',
  'request-offboard': 'Offboarding requested',
  'request-reinstate': 'Offboarding cancelled: reinstatement requested',
  'request-replay': 'Replay requested',
  'request-repair': 'Repair requested',
  'correct-admin-email': 'Address of the first admin corrected',
  'retire-orphaned-key': 'Orphaned key retired',
  'set-hold': 'End of the hold set',
  'extend-hold': 'Hold extended',
  'suspend-again': 'Blocked again during the hold',
  'set-legal-hold': 'Legal hold set',
  'release-legal-hold': 'Legal hold released',
  'approve-purge': 'Purge approved',
};

/** Actions by which somebody allows, forbids or delays a purge. */
export const DECISIONS: readonly string[] = [
  'set-hold',
  'extend-hold',
  'set-legal-hold',
  'release-legal-hold',
  'approve-purge',
];
