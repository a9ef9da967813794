import type { Sandbox } from '../../sandbox/sandbox';

/** The answer to the next CreateKey of this tenant's onboarding is lost: the key exists, and nobody was told its id. */
export function loseTheKey({ faults }: Sandbox, tenantId: string): void {
  faults.add({ service: 'kms', operation: 'CreateKey', input: tenantId, when: 'after', effect: { kind: 'reset' } });
}
