import { App } from 'aws-cdk-lib';
import { context } from '../cdk.json';
import { addStage } from './stage';

// Feature flags stand in cdk.json; read here too, so that they hold without the CDK command line.
addStage(new App({ context }));
