import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

/** The function refused: `name` is one of the project's error names, see docs/runbook.md. Nothing was changed. */
export class Refused extends Error {
  constructor(errorType: string, message: string) {
    super(message);
    this.name = errorType;
  }
}

/** Invokes a function and answers with what it returned. */
export async function invoke<Answer>(lambda: LambdaClient, functionName: string, request: object): Promise<Answer> {
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(request) }),
  );
  const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8'));
  if (FunctionError === undefined) return answer as Answer;
  const { errorType, errorMessage } = answer as { errorType: string; errorMessage: string };
  throw new Refused(errorType, errorMessage);
}

/** A client for the sandbox (`npm start`); on AWS, `new LambdaClient({})`. */
export const sandboxClient = (endpoint = 'http://127.0.0.1:4599'): LambdaClient =>
  new LambdaClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
  });
