import { SAVED_QUERIES } from '../../infra/saved-queries';
import { parseQuery } from '../../sandbox/aws/logs/insights-syntax';
import { aStage, everyStage, propertiesOf } from './a-stage';

describe.each(everyStage)('the saved queries of %s', (stage) => {
  const queries = () => propertiesOf(aStage(stage), 'AWS::Logs::QueryDefinition').map(([, properties]) => properties);
  const groups = () => propertiesOf(aStage(stage), 'AWS::Logs::LogGroup').map(([, { LogGroupName }]) => LogGroupName);

  it('are all there, in the stage’s folder', () => {
    expect(queries().map(({ Name }) => Name)).toEqual(
      Object.keys(SAVED_QUERIES).map((name) => `tenant-lifecycle-${stage}/${name}`),
    );
  });

  it('look only into log groups that exist, at most 50 of them', () => {
    for (const { LogGroupNames } of queries()) {
      const names = LogGroupNames as string[];
      expect(names.length).toBeGreaterThan(0);
      expect(names.length).toBeLessThanOrEqual(50);
      expect(names.filter((name) => !groups().includes(name))).toEqual([]);
    }
  });

  it('declare the parameters that they name, and no others', () => {
    for (const { QueryString, Parameters = [] } of queries()) {
      const named = [...String(QueryString).matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name);
      expect((Parameters as { Name: string }[]).map(({ Name }) => Name)).toEqual(named);
    }
  });
});

describe('a saved query', () => {
  it.each(Object.entries(SAVED_QUERIES))('%s can be read, and has a limit of its own', (_name, { query }) => {
    expect(parseQuery(query).at(-1)).toMatchObject({ command: 'limit' });
  });
});
