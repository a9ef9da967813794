import { ServiceError } from '../service';

type Json = Readonly<Record<string, unknown>>;

/** A vector index as the domain keeps it. */
export interface VectorIndex {
  readonly name: string;
  /** As OpenSearch answers it: settings nested under `index`, every value a string. */
  readonly settings: Json;
  readonly mappings: Json;
  readonly aliases: Json;
  /** Primaries and replicas together. */
  readonly shards: number;
}

export interface IndexStamp {
  readonly createdAt: number;
  readonly uuid: string;
}

/** OpenSearch Service's defaults: 5 primaries with 1 replica each, ten shards for an index that says nothing. */
const DEFAULT_PRIMARIES = 5;
const DEFAULT_REPLICAS = 1;

/** Reads the document given to CreateIndex. */
export function newIndex(name: string, schema: unknown, stamp: IndexStamp): VectorIndex {
  checkIndexName(name);
  const { settings, mappings = {}, aliases = {}, ...unknown } = document(schema, 'IndexSchema');
  for (const key of Object.keys(unknown)) refuse(`unknown key [${key}] for create index`);
  const mapping = document(mappings, 'mappings');
  checkFields(mapping);

  const given = flatSettings(document(settings ?? {}, 'settings'));
  const primaries = count(given, 'number_of_shards', DEFAULT_PRIMARIES, 1);
  const replicas = count(given, 'number_of_replicas', DEFAULT_REPLICAS, 0);
  return {
    name,
    settings: nestedSettings({
      ...given,
      number_of_shards: String(primaries),
      number_of_replicas: String(replicas),
      creation_date: String(stamp.createdAt),
      uuid: stamp.uuid,
      provided_name: name,
    }),
    mappings: mapping,
    aliases: document(aliases, 'aliases'),
    shards: primaries * (1 + replicas),
  };
}

/** Fields can be added to an index; settings and the types of its fields stay as they were created. */
export function updatedIndex(index: VectorIndex, schema: unknown): VectorIndex {
  const { settings, mappings, ...unknown } = document(schema, 'IndexSchema');
  if (settings !== undefined) refuse('Index settings cannot be updated. Delete the index and create it again.');
  for (const key of Object.keys(unknown)) refuse(`unknown key [${key}] for update index`);
  const added = document(mappings ?? {}, 'mappings');
  checkFields(added);

  const fields = document(index.mappings['properties'] ?? {}, 'properties');
  const newFields = document(added['properties'] ?? {}, 'properties');
  for (const [field, definition] of Object.entries(newFields)) {
    const [from, to] = [typeOf(fields[field]), typeOf(definition)];
    if (field in fields && from !== to) refuse(`mapper [${field}] cannot be changed from type [${from}] to [${to}]`);
  }
  return { ...index, mappings: { ...index.mappings, ...added, properties: { ...fields, ...newFields } } };
}

function checkIndexName(name: string): void {
  if (name !== name.toLowerCase()) refuse(`Invalid index name [${name}], must be lowercase`);
  if (!/^(?!\.\.?$)[^_ ,:"+/*\\|?#><-][^ ,:"+/*\\|?#><]{0,254}$/.test(name)) {
    refuse(
      `Invalid index name [${name}], must not start with '_' or '-' nor contain spaces or any of , : " + / * \\ | ? # > <`,
    );
  }
}

function checkFields({ properties = {} }: Json): void {
  for (const [field, definition] of Object.entries(document(properties, 'properties'))) {
    const { type, dimension } = document(definition, field);
    if (type === undefined && !('properties' in document(definition, field))) {
      refuse(`Failed to parse mapping [_doc]: No type specified for field [${field}]`);
    }
    if (type !== 'knn_vector') continue;
    if (typeof dimension !== 'number' || !Number.isInteger(dimension) || dimension < 1 || dimension > 16_000) {
      refuse(`Failed to parse mapping [_doc]: Dimension value must be between 1 and 16000 for vector: ${field}`);
    }
  }
}

/** {index: {knn: true}}, {'index.knn': true} and {knn: true} mean the same. */
function flatSettings(settings: Json, prefix = ''): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [key, value] of Object.entries(settings)) {
    const path = `${prefix}${key}`;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      Object.assign(flat, flatSettings(value as Json, `${path}.`));
    else flat[path.replace(/^index\./, '')] = String(value);
  }
  return flat;
}

function nestedSettings(flat: Readonly<Record<string, string>>): Json {
  const index: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split('.');
    const last = keys.pop() ?? path;
    let level = index;
    for (const key of keys) {
      const below = (level[key] ?? {}) as Record<string, unknown>;
      level[key] = below;
      level = below;
    }
    level[last] = value;
  }
  return { index };
}

function count(settings: Readonly<Record<string, string>>, name: string, fallback: number, minimum: number): number {
  const value = settings[name] === undefined ? fallback : Number(settings[name]);
  if (!Number.isInteger(value) || value < minimum) {
    refuse(`Failed to parse value [${settings[name]}] for setting [index.${name}] must be >= ${minimum}`);
  }
  return value;
}

function typeOf(definition: unknown): string {
  return String(document(definition ?? {}, 'field')['type'] ?? 'object');
}

function document(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} must be a JSON object`);
  return value as Json;
}

export function refuse(message: string): never {
  throw new ServiceError('ValidationException', message);
}
