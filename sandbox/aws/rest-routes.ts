import type { RestJsonService, RestRoute } from './service';

export interface RouteMatch {
  readonly route: RestRoute;
  /** Decoded {Members} of the path. */
  readonly members: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly route: RestRoute;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

/** Finds the route of a request. A trailing slash does not matter; a route with fewer {Members} goes first. */
export function routeMatcher(service: RestJsonService): (method: string, rawPath: string) => RouteMatch | undefined {
  const routes = service.routes.map(compile).sort((a, b) => a.names.length - b.names.length);

  return (method, rawPath) => {
    for (const { route, pattern, names } of routes) {
      if (route.method !== method) continue;
      const found = pattern.exec(rawPath);
      if (found === null) continue;
      const members = names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')] as const);
      return { route, members: Object.fromEntries(members) };
    }
    return undefined;
  };
}

function compile(route: RestRoute): CompiledRoute {
  const names: string[] = [];
  const source = route.path
    .replace(/\/$/, '')
    .replace(/[.*?^$()|[\]\\]/g, '\\$&')
    .replace(/\{(\w+)(\+?)\}/g, (_, name: string, greedy: string) => {
      names.push(name);
      return greedy ? '(.+)' : '([^/]+)';
    });
  return { route, names, pattern: new RegExp(`^${source}/?$`) };
}

/** Body, query and path members as one input; a query parameter that is repeated becomes a list. */
export function restInput(match: RouteMatch, query: URLSearchParams, body: Buffer): Record<string, unknown> {
  const input: Record<string, unknown> = body.length === 0 ? {} : { ...(JSON.parse(body.toString('utf8')) as object) };
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    input[name] = values.length === 1 ? values[0] : values;
  }
  return { ...input, ...match.members };
}
