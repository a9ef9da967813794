import type { AttributeType, SchemaAttributeType } from '@aws-sdk/client-cognito-identity-provider';
import { ServiceError } from '../service';
import type { User, UserPool } from './store';

/** A pool attribute as CloudFormation writes it: custom attributes without their `custom:` prefix. */
export interface AttributeDefinition {
  readonly name: string;
  /** @default true */
  readonly mutable?: boolean;
  /** @default false */
  readonly required?: boolean;
  readonly maxLength?: number;
}

const STANDARD_ATTRIBUTES = [
  'address',
  'birthdate',
  'email',
  'email_verified',
  'family_name',
  'gender',
  'given_name',
  'locale',
  'middle_name',
  'name',
  'nickname',
  'phone_number',
  'phone_number_verified',
  'picture',
  'preferred_username',
  'profile',
  'sub',
  'updated_at',
  'website',
  'zoneinfo',
];

/** The attributes a pool knows: all standard ones, and the custom ones of its definition. */
export function schemaOf(definitions: readonly AttributeDefinition[]): ReadonlyMap<string, SchemaAttributeType> {
  const schema = new Map<string, SchemaAttributeType>();
  for (const name of STANDARD_ATTRIBUTES) schema.set(name, attribute(name, { name, mutable: name !== 'sub' }));
  for (const definition of definitions) {
    const custom = !STANDARD_ATTRIBUTES.includes(definition.name) && !definition.name.startsWith('custom:');
    const name = custom ? `custom:${definition.name}` : definition.name;
    schema.set(name, attribute(name, definition));
  }
  return schema;
}

function attribute(name: string, { mutable, required, maxLength }: AttributeDefinition): SchemaAttributeType {
  return {
    Name: name,
    AttributeDataType: 'String',
    Mutable: mutable ?? true,
    Required: required ?? false,
    StringAttributeConstraints: { MinLength: '0', MaxLength: String(maxLength ?? 2048) },
  };
}

/** Checks the attributes of a new or a changed user. An immutable attribute can be set at creation only. */
export function checkAttributes(pool: UserPool, attributes: readonly AttributeType[], isNew: boolean): void {
  for (const { Name: name = '', Value: value = '' } of attributes) {
    const definition = pool.schema.get(name);
    if (!definition)
      refuse(`Attributes did not conform to the schema: Type for attribute {${name}} could not be determined`);
    if (name === 'sub' || (!isNew && definition.Mutable === false)) {
      refuse(`user.${name}: Attribute cannot be updated. (changing an immutable attribute)`);
    }
    if (value.length > Number(definition.StringAttributeConstraints?.MaxLength)) {
      refuse(`Attributes did not conform to the schema: ${name}: String must be no longer than its maximum`);
    }
    if (name === 'email' && !isEmail(value)) refuse('Invalid email address format.');
  }
}

export function checkRequiredAttributes(pool: UserPool, present: ReadonlySet<string>): void {
  for (const [name, { Required: required }] of pool.schema) {
    if (required && !present.has(name))
      refuse(`Attributes did not conform to the schema: ${name}: The attribute is required`);
  }
}

export function isEmail(text: string): boolean {
  return /^[^\s@"(),:;<>[\]\\]+@[^\s@.]+(\.[^\s@.]+)+$/.test(text) && text.length <= 128;
}

const SEARCHABLE = [
  'username',
  'email',
  'phone_number',
  'name',
  'given_name',
  'family_name',
  'preferred_username',
  'cognito:user_status',
  'status',
  'sub',
];

/** The ListUsers filter language: one attribute, `=` or `^=` (starts with), one quoted value. Custom attributes cannot be searched. */
export function userFilter(filter: string | undefined): (user: User) => boolean {
  if (!filter) return () => true;
  const [, name = '', operator, quoted = ''] = /^\s*"?([\w:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*$/.exec(filter) ?? [];
  if (!operator) refuse(`Error while parsing filter: ${filter}`);
  if (!SEARCHABLE.includes(name)) refuse(`Cannot search on attribute ${name}`);
  const wanted = comparable(name, quoted.replace(/\\(.)/g, '$1'));
  return (user) => {
    const value = searchValue(user, name);
    if (value === undefined) return false;
    return operator === '=' ? comparable(name, value) === wanted : comparable(name, value).startsWith(wanted);
  };
}

function searchValue(user: User, name: string): string | undefined {
  if (name === 'username') return user.username;
  if (name === 'status') return user.enabled ? 'Enabled' : 'Disabled';
  if (name === 'cognito:user_status') return user.status;
  return user.attributes.get(name);
}

function comparable(name: string, value: string): string {
  return name === 'email' || name === 'username' ? value.toLowerCase() : value;
}

function refuse(message: string): never {
  throw new ServiceError('InvalidParameterException', message);
}
