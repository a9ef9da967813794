import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { dataStackName, lifecycleStackName, readConfig } from './config';
import { DataStack } from './stacks/data-stack';
import { LifecycleStack } from './stacks/lifecycle-stack';

/** Puts the two stacks of the stage that the context names into the app, and has cdk-nag check them. */
export function addStage(app: App): { readonly data: DataStack; readonly lifecycle: LifecycleStack } {
  const config = readConfig((name) => app.node.tryGetContext(name));
  const data = new DataStack(app, dataStackName(config.app), { config });
  const lifecycle = new LifecycleStack(app, lifecycleStackName(config.app), { config, shared: data.shared });
  lifecycle.addStackDependency(data);
  // Not managed-by: that tag marks what tasks made, and gives them power over it.
  Tags.of(app).add('application', config.app.name);
  Tags.of(app).add('stage', config.app.stage);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { data, lifecycle };
}
