import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

/** What the front door answers. */
export interface OnboardingAnswer {
  readonly tenantId: string;
  readonly requestId: string;
  /** REQUESTED, PROVISIONING, ACTIVE, ONBOARDING_FAILED … */
  readonly status: string;
  readonly executionArn?: string;
  /** RUNNING, SUCCEEDED, FAILED … */
  readonly executionStatus?: string;
  /** True when this requestId was accepted before: nothing was started twice. */
  readonly repeated: boolean;
  /** True when the tenant was active already: there was nothing to do. */
  readonly alreadyActive: boolean;
}

export interface OnboardingRequest {
  readonly tenantId: string;
  /** Your idempotency key: store it before the call, send the same one again if no answer comes. */
  readonly requestId: string;
  readonly displayName: string;
  readonly adminEmail: string;
  readonly tier: 'standard' | 'premium';
  /** Opaque id of who asks, no e-mail address: it stands in the audit trail. */
  readonly requestedBy: string;
}

/** The front door refused: `name` is one of the project's error names, see docs/runbook.md. */
export class OnboardingRefused extends Error {
  constructor(errorType: string, message: string) {
    super(message);
    this.name = errorType;
  }
}

/**
 * Asks for a tenant. Resolves when the request is accepted; the onboarding itself goes on in Step Functions.
 * @param functionName for example tenant-lifecycle-dev-request-operation
 */
export async function requestOnboarding(
  lambda: LambdaClient,
  functionName: string,
  request: OnboardingRequest,
): Promise<OnboardingAnswer> {
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({
      FunctionName: functionName,
      Payload: JSON.stringify({ operation: 'onboard', ...request }),
    }),
  );
  const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8'));
  if (FunctionError === undefined) return answer as OnboardingAnswer;
  const { errorType, errorMessage } = answer as { errorType: string; errorMessage: string };
  throw new OnboardingRefused(errorType, errorMessage);
}

/** The same client for the sandbox (`npm start`); on AWS, `new LambdaClient({})`. */
export const sandboxClient = (): LambdaClient =>
  new LambdaClient({
    endpoint: 'http://127.0.0.1:4599',
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
  });
