import { aStage } from './a-stage';

/**
 * Synthesized without task code, so that only infrastructure shows; tags are left out, references are written as in
 * Fn::Sub, and the state machine has tests of its own. A changed logical id of something stateful means that a deployment
 * would replace it.
 */
describe('the templates of prod', () => {
  it.each(['data', 'lifecycle'] as const)('of the %s stack are as reviewed', (stack) => {
    const { Resources, Outputs } = aStage('prod')[stack].toJSON();

    expect(readable({ Resources, Outputs })).toMatchSnapshot();
  });
});

const LEFT_OUT = ['Tags', 'UserPoolTags', 'DefinitionString', 'UpdateReplacePolicy'];

function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  const [[name, argument] = ['', undefined], ...more] = Object.entries(value);
  if (more.length === 0) {
    const parts = argument as readonly unknown[];
    if (name === 'Ref') return `\${${argument}}`;
    if (name === 'Fn::GetAtt') return `\${${parts.join('.')}}`;
    if (name === 'Fn::ImportValue') return `\${import ${argument}}`;
    if (name === 'Fn::Join') return (readable(parts[1]) as readonly string[]).join(String(parts[0]));
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !LEFT_OUT.includes(key))
      .map(([key, member]) => [key, readable(member)]),
  );
}
