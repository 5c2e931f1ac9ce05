// From the GraphQL that prisma-client-py writes to the JSON that the engine reads, and back.
'use strict';

const { parse, Kind } = require('graphql');

const OPERATION =
  /^(findUnique|findFirst|findMany|createOne|createMany|updateOne|updateMany|deleteOne|deleteMany|upsertOne|aggregate|groupBy)(.+?)(OrThrow)?$/;
const RAW = ['queryRaw', 'executeRaw'];
// Inside a filter on a Json field these hold plain values; everything else holds Json.
const PLAIN_IN_JSON_FILTER = ['path', 'mode', 'string_contains', 'string_starts_with', 'string_ends_with'];

/** The models of a schema.prisma: which of their fields hold Json, and which lead to another model. */
class Schema {
  constructor(text) {
    this.text = text;
    this.models = new Map();
    for (const [, name, body] of text.matchAll(/^model\s+(\w+)\s*\{(.*?)^\}/gms)) {
      this.models.set(name, new Map([...body.matchAll(/^\s*(\w+)\s+(\w+)/gm)].map(([, field, type]) => [field, type])));
    }
  }

  /** The type of a field: a scalar's, or a model's name. */
  typeOf(model, field) {
    return this.models.get(model)?.get(field);
  }

  isModel(type) {
    return this.models.has(type);
  }

  /** The schema as the engine in WebAssembly wants it: with its generator, and Json defaults left to the database. */
  forWebAssembly() {
    const generator = 'generator client {\n  provider = "prisma-client-js"\n  previewFeatures = ["driverAdapters"]\n}';
    return this.text
      .replace(/generator\s+\w+\s*\{[^}]*\}/, generator)
      .replace(/(\bJson\s+)@default\("([^"]*)"\)/g, `$1@default(dbgenerated("'$2'::jsonb"))`);
  }
}

/** One operation in GraphQL, as a query of the JSON protocol. */
function toRequest(graphql, schema) {
  const field = parse(graphql, { noLocation: true }).definitions[0].selectionSet.selections[0];
  const name = field.name.value;
  const selection = selectionOf(field.selectionSet);
  if (RAW.includes(name)) return { action: name, query: { arguments: argumentsOf(field), selection } };
  const [, operation, modelName, orThrow] = OPERATION.exec(name) ?? [];
  if (!operation) throw new Error(`unknown operation ${name}`);
  const typed = typeJson(argumentsOf(field), modelName, schema);
  return { modelName, action: operation + (orThrow ?? ''), query: { arguments: typed, selection } };
}

/** An answer of the JSON protocol, as prisma-client-py reads it: its result under `result`, its values bare. */
function toAnswer(answer) {
  if (!answer.data) return answer;
  const [result] = Object.values(answer.data);
  return { ...answer, data: { result: bare(result) } };
}

function argumentsOf(node) {
  return Object.fromEntries((node.arguments ?? []).map((argument) => [argument.name.value, valueOf(argument.value)]));
}

function selectionOf(set) {
  return Object.fromEntries(
    (set?.selections ?? []).map((field) => {
      const nested = field.selectionSet || field.arguments?.length;
      return [field.name.value, nested ? { arguments: argumentsOf(field), selection: selectionOf(field.selectionSet) } : true];
    }),
  );
}

function valueOf(node) {
  switch (node.kind) {
    case Kind.NULL:
      return null;
    case Kind.LIST:
      return node.values.map(valueOf);
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, valueOf(field.value)]));
    case Kind.INT: {
      const number = Number(node.value);
      return Number.isSafeInteger(number) ? number : { $type: 'BigInt', value: node.value };
    }
    case Kind.FLOAT:
      return Number(node.value);
    default: // strings, booleans, enums
      return node.value;
  }
}

/** GraphQL gives Json as text; the JSON protocol wants to be told that it is Json. */
function typeJson(value, model, schema) {
  if (Array.isArray(value)) return value.map((each) => typeJson(each, model, schema));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const type = schema.typeOf(model, name);
      if (type === 'Json') return [name, jsonOrFilter(inner)];
      return [name, typeJson(inner, schema.isModel(type) ? type : model, schema)];
    }),
  );
}

function jsonOrFilter(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return json(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, PLAIN_IN_JSON_FILTER.includes(name) ? inner : json(inner)]),
  );
}

function json(value) {
  if (Array.isArray(value)) return value.map(json);
  const special = ['DbNull', 'JsonNull', 'AnyNull'].includes(value);
  return typeof value === 'string' && !special ? { $type: 'Json', value } : value;
}

function bare(value) {
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== 'object') return value;
  if ('$type' in value && 'value' in value) return value.$type === 'BigInt' ? integer(value.value) : value.value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, bare(inner)]));
}

function integer(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

module.exports = { Schema, toRequest, toAnswer };
