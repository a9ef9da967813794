import type { IncomingHttpHeaders } from 'node:http';

/** Names under which this machine reaches itself; browsers resolve `localhost` and what ends in it to the loopback address. */
const LOOPBACK = /^(127\.0\.0\.1|\[::1\]|(.+\.)?localhost)$/;

/**
 * Whether a request may come from a program on this machine. A web page that the developer has open reaches the loopback address,
 * too, and signatures are not verified: it is told by the Origin or Sec-Fetch-Site that its browser sends, and, where its own
 * name was made to lead here (DNS rebinding), by the Host. SDKs, the AWS CLI and curl send neither of the first two.
 * @param hostNames under which it may be called as well, for example of a container's way to its host
 */
export function isLocalRequest(headers: IncomingHttpHeaders, hostNames: readonly string[] = []): boolean {
  const isLocal = (url: string): boolean => {
    const hostname = URL.canParse(url) ? new URL(url).hostname : '';
    return LOOPBACK.test(hostname) || hostNames.includes(hostname);
  };
  const { host, origin, 'sec-fetch-site': site } = headers;
  return isLocal(`http://${host}`) && (origin === undefined || isLocal(origin)) && site !== 'cross-site';
}
