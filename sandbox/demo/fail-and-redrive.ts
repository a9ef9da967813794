import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { TenantState } from '../../tasks/shared/registry';
import { type OnboardRequest, onboard, toTheEnd } from '../requests';
import type { Sandbox } from '../sandbox';
import { stage } from './stage';

const BETA: OnboardRequest = {
  tenantId: 'beta',
  requestId: 'signup-3',
  displayName: 'Beta Hospital',
  adminEmail: 'cleo@beta.example',
  tier: 'standard',
};

/** A permanent fault at index creation: FAILED at that step, a typed failure on the tenant, and a redrive that goes on there. */
export async function failAndRedrive(sandbox: Sandbox, prove: (fact: string, holds: boolean) => void): Promise<void> {
  const fault = sandbox.faults.add({
    service: 'opensearch',
    operation: 'CreateIndex',
    when: 'before',
    effect: {
      kind: 'error',
      code: 'ValidationException',
      message: 'An index template of the domain rejects the mapping of tenant-*',
    },
    times: Number.POSITIVE_INFINITY,
  });
  const { executionArn = '' } = await onboard(sandbox, BETA);
  const end = await toTheEnd(sandbox, executionArn);
  const { status, lastFailure } = await stateOf(sandbox, BETA.tenantId);
  stage.table(
    ['on the tenant’s record', ''],
    [
      ['status', status],
      ['step', lastFailure?.step ?? ''],
      ['error', `${lastFailure?.error} (${lastFailure?.errorClass}), attempt ${lastFailure?.attempt}`],
      ['message', lastFailure?.message ?? ''],
      ['next action', lastFailure?.nextAction ?? ''],
    ],
  );
  prove(
    'the execution is FAILED at the step, with a typed failure on the tenant',
    end.status === 'FAILED' && lastFailure?.step === 'Provision vector index',
  );

  fault.remove();
  stage.say('The operator corrects the template and redrives the execution:');
  const keysMade = sandbox.calls.countBy('kms/CreateKey');
  await new SFNClient(sandbox.clientConfig).send(new RedriveExecutionCommand({ executionArn }));
  const redriven = await toTheEnd(sandbox, executionArn);
  const healed = await stateOf(sandbox, BETA.tenantId);
  prove(
    'redriven, the tenant is ACTIVE and its failure is cleared',
    redriven.status === 'SUCCEEDED' && healed.status === 'ACTIVE' && healed.lastFailure === undefined,
  );
  prove('the steps that had succeeded were not repeated', sandbox.calls.countBy('kms/CreateKey') === keysMade);
}

async function stateOf(sandbox: Sandbox, tenantId: string): Promise<TenantState> {
  const items = await sandbox.services.dynamodb.dump(sandbox.output('RegistryTableName'));
  return items.find((item) => item['sk'] === 'STATE' && item['tenantId'] === tenantId) as unknown as TenantState;
}
