// biome-ignore-all lint/suspicious/noTemplateCurlyInString: CloudFormation marks its variables so.
import { NO_VALUE, type References, resolve } from '../../../sandbox/deploy/intrinsics';

const references: References = {
  ref: async (id) => `ref-${id}`,
  getAtt: async (id, attribute) => `${id}/${attribute}`,
  importValue: (name) => `imported ${name}`,
  findInMap: (map, first, second) => `${map}.${first}.${second}`,
  condition: async (name) => name === 'Yes',
};

describe('the intrinsic functions of CloudFormation', () => {
  it.each([
    [{ Ref: 'Table' }, 'ref-Table'],
    [{ 'Fn::GetAtt': ['Table', 'Arn'] }, 'Table/Arn'],
    [{ 'Fn::GetAtt': 'Domain.Endpoint.Address' }, 'Domain/Endpoint.Address'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'B' }, 1]] }, 'a-ref-B-1'],
    [
      { 'Fn::Sub': 'arn:${AWS::Partition}:x:${Table.Arn}/${Table}/${!Literal}' },
      'arn:ref-AWS::Partition:x:Table/Arn/ref-Table/${Literal}',
    ],
    [{ 'Fn::Sub': ['${Own}-${Other}', { Own: { Ref: 'A' } }] }, 'ref-A-ref-Other'],
    [{ 'Fn::ImportValue': { 'Fn::Join': [':', ['data', 'Arn']] } }, 'imported data:Arn'],
    [{ 'Fn::Select': ['1', ['a', 'b']] }, 'b'],
    [{ 'Fn::Select': [0, { 'Fn::Split': ['/', 'x/y'] }] }, 'x'],
    [{ 'Fn::FindInMap': ['Regions', { Ref: 'AWS::Region' }, 'Id'] }, 'Regions.ref-AWS::Region.Id'],
    [{ 'Fn::If': ['Yes', 'a', 'b'] }, 'a'],
    [{ 'Fn::If': ['No', 'a', { Ref: 'B' }] }, 'ref-B'],
    [{ 'Fn::Equals': [{ Ref: 'A' }, 'ref-A'] }, true],
    [{ 'Fn::Not': [{ 'Fn::Equals': [1, 2] }] }, true],
    [{ 'Fn::Or': [{ 'Fn::Equals': [1, 2] }, { 'Fn::Equals': [1, 1] }] }, true],
    [{ 'Fn::And': [{ 'Fn::Equals': [1, 2] }, { 'Fn::Equals': [1, 1] }] }, false],
  ])('%j', async (template, value) => {
    expect(await resolve(template, references)).toEqual(value);
  });

  it('are resolved wherever they stand', async () => {
    const template = { Rules: [{ Name: { Ref: 'A' } }, 7, null, true], Text: 'Ref' };

    const resolved = await resolve(template, references);

    expect(resolved).toEqual({ Rules: [{ Name: 'ref-A' }, 7, null, true], Text: 'Ref' });
  });

  it('remove what has no value', async () => {
    const none = { Ref: 'AWS::NoValue' };

    const resolved = await resolve({ a: none, b: [none, 1], c: { 'Fn::If': ['No', 1, none] } }, references);

    expect(resolved).toEqual({ b: [1] });
    expect(await resolve(none, references)).toBe(NO_VALUE);
  });

  it('are told from properties of other names', async () => {
    const template = { Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } } };

    const resolved = await resolve(template, references);

    expect(resolved).toEqual({ Condition: { StringEquals: { 'aws:SourceAccount': 'ref-AWS::AccountId' } } });
  });

  it('that the sandbox does not know are refused', async () => {
    const resolved = resolve({ 'Fn::Cidr': ['10.0.0.0/16', 1, 8] }, references);

    await expect(resolved).rejects.toThrow('does not know the intrinsic function Fn::Cidr');
  });
});
