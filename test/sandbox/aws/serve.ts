import { Endpoint } from '../../../sandbox/aws/endpoint';
import type { Estate, Service } from '../../../sandbox/aws/service';
import { VirtualClock } from '../../../sandbox/virtual-clock';

/** An account whose clock stands still until a test advances it. */
export function anEstate(): Estate {
  return {
    clock: new VirtualClock({ start: Date.UTC(2026, 0, 1) }),
    accountId: '123456789012',
    region: 'eu-central-1',
  };
}

export interface Served {
  /** Configuration for any SDK client. */
  readonly client: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
    readonly maxAttempts: number;
  };
  stop(): Promise<void>;
}

/** Serves services over HTTP for the length of a test file. */
export async function serve(estate: Estate, ...services: Service[]): Promise<Served> {
  const endpoint = await new Endpoint({ estate, services }).start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return {
    client: { endpoint: endpoint.url, region: estate.region, credentials, maxAttempts: 1 },
    stop: () => endpoint.stop(),
  };
}
