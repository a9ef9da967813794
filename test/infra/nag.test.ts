import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { context } from '../../cdk.json';
import { acknowledgeWildcards } from '../../infra/constructs/acknowledge';
import { addStage } from '../../infra/stage';
import { anApp, everyStage } from './a-stage';

describe.each(everyStage)('cdk-nag in %s', (stage) => {
  const app = anApp(stage);
  addStage(app);

  it('finds nothing', () => {
    expect(new AwsSolutionsChecks(app).validateScope(app).violations).toEqual([]);
  });

  it('is answered with reasons in full sentences', () => {
    const reasons = app.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.values(data as Record<string, string>));

    expect(reasons.length).toBeGreaterThan(20);
    expect(reasons.filter((reason) => !/^[A-Z].{30,}\.$/.test(reason))).toEqual([]);
  });
});

describe('cdk-nag', () => {
  it('would find a bucket that anyone can read over HTTP', () => {
    const app = anApp('dev');
    const stack = new Stack(app, 'Careless');
    new Bucket(stack, 'Bucket');

    const { violations } = new AwsSolutionsChecks(app).validateScope(app);

    expect(violations.map(({ ruleName }) => ruleName)).toEqual(['AwsSolutions-S1', 'AwsSolutions-S10']);
  });

  it('is not asked to accept a wildcard without a reason', () => {
    const stack = new Stack(new App(), 'Stack');

    expect(() => acknowledgeWildcards(stack, [{ actions: ['s3:Get*'], resources: ['arn:aws:s3:::some'] }])).toThrow(
      'no reason is given for the wildcard Action::s3:Get*',
    );
  });
});

describe('CloudFormation’s own checks', () => {
  // The other stages differ in sizes and retention only, and every synthesis runs the checks once more.
  it('accept the templates of prod', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'tenant-lifecycle-'));
    const app = new App({ context: { ...context, stage: 'prod', bundle: false }, outdir });
    addStage(app);

    app.synth();
    const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
    rmSync(outdir, { recursive: true });

    expect(report.pluginReports).toEqual([]);
  });
});
