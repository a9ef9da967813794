import { Endpoint, type EndpointOptions } from '../../../sandbox/aws/endpoint';
import { VirtualClock } from '../../../sandbox/virtual-clock';

export const DAY = 24 * 60 * 60 * 1000;

export function anEstate() {
  return { clock: new VirtualClock(), accountId: '111122223333', region: 'eu-central-1' };
}

export function startedEndpoint(options: EndpointOptions): Promise<Endpoint> {
  return new Endpoint(options).start();
}

/** Settings of an SDK client for the endpoint; one attempt, so that a test sees every error. */
export function clientFor(endpoint: Endpoint, accessKeyId = 'AKIATEST') {
  return {
    endpoint: endpoint.url,
    region: 'eu-central-1',
    credentials: { accessKeyId, secretAccessKey: 'any' },
    maxAttempts: 1,
  };
}
