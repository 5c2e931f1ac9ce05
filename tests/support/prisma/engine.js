// Prisma's engine as WebAssembly, on a pool of connections to Postgres.
'use strict';

const fs = require('fs');
const path = require('path');
const { Pool } = require('pg');
const { PrismaPg } = require('@prisma/adapter-pg');
const { bindAdapter } = require('@prisma/driver-adapter-utils');

const RUNTIME = path.join(path.dirname(require.resolve('@prisma/client/package.json')), 'runtime');
const DEFAULT_CONNECTIONS = 10;
// Types of Postgres' own catalogue that the adapter refuses to read, and those to read them as.
const TEXT = 25;
const TEXTS = 1009;
const READ_AS = { 18: TEXT, 19: TEXT, 1003: TEXTS, 2205: TEXT }; // "char", name, name[], regclass

/** Resolves to an engine that is connected. */
async function openEngine(datamodel, databaseUrl) {
  const url = new URL(databaseUrl);
  const max = Number(url.searchParams.get('connection_limit')) || DEFAULT_CONNECTIONS;
  const schema = url.searchParams.get('schema') || 'public';
  url.search = ''; // Prisma's own options; pg would take them for its
  readTheCatalogue();
  const adapter = bindAdapter(new PrismaPg(new Pool({ connectionString: url.toString(), max }), { schema }));
  const glue = loadGlue();
  const options = {
    datamodel,
    logLevel: 'error',
    logQueries: false,
    configDir: '.',
    overrides: {},
    env: process.env,
    engineProtocol: 'json',
  };
  const engine = new glue.QueryEngine(options, (line) => console.error(line), adapter);
  await engine.connect('{}');
  return new Engine(engine, adapter);
}

class Engine {
  constructor(engine, adapter) {
    this.engine = engine;
    this.adapter = adapter;
  }

  async query(request, transaction) {
    return this.explained(JSON.parse(await this.engine.query(JSON.stringify(request), '{}', transaction)));
  }

  async begin(options) {
    return faulty(JSON.parse(await this.engine.startTransaction(options, '{}')));
  }

  async end(id, how) {
    const end = how === 'commit' ? this.engine.commitTransaction(id, '{}') : this.engine.rollbackTransaction(id, '{}');
    return faulty(JSON.parse(await end));
  }

  /** The same, with what Postgres itself said in place of the number under which the adapter keeps it. */
  explained(answer) {
    if (answer.batchResult) return { ...answer, batchResult: answer.batchResult.map((one) => this.explained(one)) };
    if (!answer.errors) return answer;
    return { ...answer, errors: answer.errors.map((error) => this.externalError(error) ?? error) };
  }

  externalError(error) {
    const known = error.user_facing_error;
    if (known?.error_code !== 'P2036') return null;
    const kept = this.adapter.errorRegistry.consumeError(known.meta.id)?.error;
    return kept ? failure('P2010', String(kept.message ?? kept), kept.code) : null;
  }
}

/** An error in the shape that prisma-client-py reads. */
function failure(code, message, databaseCode = 'N/A') {
  const meta = { message, code: databaseCode };
  return { error: message, user_facing_error: { is_panic: false, message, error_code: code, meta } };
}

function faulty(answer) {
  return answer.error_code ? { errors: [{ error: answer.message, user_facing_error: answer }] } : answer;
}

function loadGlue() {
  const glue = require(path.join(RUNTIME, 'query_engine_bg.postgresql.js'));
  const compiled = new WebAssembly.Module(fs.readFileSync(path.join(RUNTIME, 'query_engine_bg.postgresql.wasm')));
  const { exports } = new WebAssembly.Instance(compiled, { './query_engine_bg.js': glue });
  glue.__wbg_set_wasm(exports);
  exports.__wbindgen_start?.();
  return glue;
}

/** Queries outside and inside a transaction share one base class, whose `performIO` is where rows come in. */
function readTheCatalogue() {
  const queryable = Object.getPrototypeOf(PrismaPg.prototype);
  const performIO = queryable.performIO;
  queryable.performIO = async function (query) {
    const result = await performIO.call(this, query);
    const fields = result.ok ? result.value.fields : [];
    for (const field of fields) field.dataTypeID = READ_AS[field.dataTypeID] ?? field.dataTypeID;
    return result;
  };
}

module.exports = { openEngine, failure };
