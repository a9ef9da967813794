import { parsePath, placeResult, readPath, selectPath } from '../../../sandbox/engine/paths';
import { checkTemplate, evaluateTemplate } from '../../../sandbox/engine/templates';

const input = { tenantId: 'acme', 'odd name': { x: 1 }, list: [{ id: 'a' }, { id: 'b' }], nothing: null };
const context = { Execution: { Id: 'arn', RedriveCount: 0 } };
const data = { input, context };

const evaluate = (expression: string) => {
  const { value } = evaluateTemplate({ 'value.$': expression }, data) as { value: unknown };
  return value;
};

describe('reference paths', () => {
  it.each([
    ['$', input],
    ['$.tenantId', 'acme'],
    ["$['odd name'].x", 1],
    ['$["odd name"]["x"]', 1],
    ['$.list[1].id', 'b'],
    ['$.nothing', null],
    ['$$.Execution.Id', 'arn'],
    ['$$', context],
  ])('read %s', (path, expected) => {
    expect(readPath(parsePath(path), data)).toEqual({ value: expected });
  });

  it.each([
    '$.missing',
    '$.tenantId.length',
    '$.list.length',
    '$.list[2]',
    '$.tenantId[0]',
    '$.nothing.x',
    '$.toString',
  ])('find nothing at %s', (path) => {
    expect(readPath(parsePath(path), data)).toBeUndefined();
  });

  it.each(['tenantId', '$.list[*]', '$..id', '$.list[?(@.id)]', '$.list[0:1]', '$.list[-1]', '$.list.length()', '$x'])(
    'refuse %s',
    (path) => {
      expect(() => parsePath(path)).toThrow(/UnsupportedExpressionError|path/);
    },
  );
});

describe('InputPath and OutputPath', () => {
  it('keep everything when absent, nothing when null', () => {
    expect(selectPath(undefined, data, 'InputPath')).toBe(input);
    expect(selectPath(null, data, 'InputPath')).toEqual({});
    expect(selectPath('$.list[0]', data, 'InputPath')).toEqual({ id: 'a' });
  });

  it('fail with States.Runtime where there is nothing', () => {
    expect(() => selectPath('$.nowhere', data, 'InputPath')).toThrow(
      expect.objectContaining({ error: 'States.Runtime', cause: expect.stringContaining("Invalid path '$.nowhere'") }),
    );
  });
});

describe('ResultPath', () => {
  it.each([
    [undefined, 1],
    ['$', 1],
    [null, { a: { b: 0 }, list: [{}] }],
    ['$.c', { a: { b: 0 }, list: [{}], c: 1 }],
    ['$.a.b', { a: { b: 1 }, list: [{}] }],
    ['$.x.y.z', { a: { b: 0 }, list: [{}], x: { y: { z: 1 } } }],
    ['$.list[0].id', { a: { b: 0 }, list: [{ id: 1 }] }],
  ])('%j places the result', (path, expected) => {
    const raw = Object.freeze({ a: Object.freeze({ b: 0 }), list: Object.freeze([Object.freeze({})]) });

    expect(placeResult(path, raw, 1)).toEqual(expected);
  });

  it.each([
    ['$.a', 'text'],
    ['$.a.b', { a: 'text' }],
    ['$.a.b', { a: null }],
    ['$.a[3]', { a: [1] }],
  ])('%s does not fit %j', (path, raw) => {
    expect(() => placeResult(path, raw, 1)).toThrow(
      expect.objectContaining({ error: 'States.ResultPathMatchFailure' }),
    );
  });
});

describe('payload templates', () => {
  it('replace members that end in .$, at any depth', () => {
    const template = { fixed: 1, 'id.$': '$.tenantId', deep: [{ 'redrives.$': '$$.Execution.RedriveCount' }] };

    expect(evaluateTemplate(template, data)).toEqual({ fixed: 1, id: 'acme', deep: [{ redrives: 0 }] });
  });

  it('fail as AWS does when a path selects nothing', () => {
    expect(() => evaluateTemplate({ 'id.$': '$.user.id' }, data)).toThrow(
      expect.objectContaining({
        error: 'States.Runtime',
        cause: expect.stringMatching(
          /^The JSONPath '\$\.user\.id' specified for the field 'id\.\$' could not be found in/,
        ),
      }),
    );
    expect(() => evaluateTemplate({ 'at.$': '$$.Execution.RedriveTime' }, data)).toThrow(
      expect.objectContaining({ error: 'States.Runtime' }),
    );
  });
});

describe('intrinsic functions', () => {
  it.each([
    ["States.Format('tenant/{}', $.tenantId)", 'tenant/acme'],
    ["States.Format('{} {} {}', 1, true, $.list)", '1 true [{"id":"a"},{"id":"b"}]'],
    ["States.Format('it\\'s \\{ok\\}')", "it's {ok}"],
    ["States.Array($.tenantId, 2, null, 'x')", ['acme', 2, null, 'x']],
    ['States.Array()', []],
    ['States.ArrayLength($.list)', 2],
    ["States.ArrayContains(States.Array('a', 'b'), 'b')", true],
    ["States.ArrayContains($.list, 'b')", false],
    ['States.StringToJson(\'{"a":[1]}\')', { a: [1] }],
    ['States.JsonToString($.list)', '[{"id":"a"},{"id":"b"}]'],
    ['States.MathAdd(3, -1)', 2],
    ["States.JsonMerge($['odd name'], States.StringToJson('{\"y\":2}'), false)", { x: 1, y: 2 }],
    ["States.Format('{}', States.Format('<{}>', $['odd name'].x))", '<1>'],
  ])('%s', (expression, expected) => {
    expect(evaluate(expression)).toEqual(expected);
  });

  it('make a different UUID each time', () => {
    const [one, other] = [evaluate('States.UUID()'), evaluate('States.UUID()')];

    expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(one).not.toBe(other);
  });

  it.each([
    "States.Format('{} {}', 1)",
    'States.ArrayLength($.tenantId)',
    'States.MathAdd(1.5, 1)',
    "States.StringToJson('{')",
    'States.JsonMerge($, $, true)',
    'States.JsonMerge($, 1, false)',
  ])('%s is an intrinsic failure', (expression) => {
    expect(() => evaluate(expression)).toThrow(
      expect.objectContaining({
        error: 'States.IntrinsicFailure',
        cause: expect.stringContaining(`The function '${expression}' had the following error`),
      }),
    );
  });

  it.each([
    "States.Hash($.tenantId, 'SHA-256')",
    'States.Format(',
    "States.Format('a' 'b')",
    "States.Format('a') tail",
    'States.Array(x)',
    'tenantId',
    "States.Array(States.Base64Encode('x'))",
    'States.Array($.list[*])',
  ])('%s is refused before anything runs', (expression) => {
    expect(() => checkTemplate({ deep: [{ 'value.$': expression }] })).toThrow(
      expect.objectContaining({ name: 'UnsupportedExpressionError' }),
    );
  });
});
