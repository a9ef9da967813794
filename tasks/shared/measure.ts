import { Metrics } from '@aws-lambda-powertools/metrics';
import { type Measure, type MetricName, unitOf } from './metrics';

/** One line of the embedded metric format, which CloudWatch turns into metrics. */
export const measure: Measure = (values, dimensions = {}) => {
  const metrics = new Metrics();
  if (Object.keys(dimensions).length > 0) metrics.addDimensions({ ...dimensions });
  for (const [name, value] of Object.entries(values) as [MetricName, number][])
    metrics.addMetric(name, unitOf(name), value);
  metrics.publishStoredMetrics();
};
