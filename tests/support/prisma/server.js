// A Prisma query engine for the tests' LiteLLM proxy, where the native one cannot be downloaded.
//
// LiteLLM talks to Postgres through prisma-client-py, which starts a program and asks it in GraphQL over HTTP. That
// program comes from binaries.prisma.sh and from nowhere else. npm's @prisma/client carries the same engine, of the same
// version, as WebAssembly, to be asked in JSON. This file is the HTTP side, translate.js stands between the two
// languages, engine.js runs the WebAssembly on a connection pool. For tests and benchmarks only.
'use strict';

const VERSION = '393aa359c9ad4a4bb28630fb5613f9c281cde053'; // of Prisma 5.17.0's engines
if (process.argv.includes('--version')) {
  console.log(`query-engine ${VERSION}`);
  process.exit(0);
}

const fs = require('fs');
const http = require('http');
const { openEngine, failure } = require('./engine.js');
const { Schema, toRequest, toAnswer } = require('./translate.js');

async function main() {
  const port = Number(process.argv[process.argv.indexOf('-p') + 1]);
  const schema = new Schema(fs.readFileSync(process.env.PRISMA_DML_PATH, 'utf8'));
  const engine = await openEngine(schema.forWebAssembly(), databaseUrl());
  http
    .createServer({ keepAliveTimeout: 600_000 }, (request, response) => answer(request, response, engine, schema))
    .listen(port, '127.0.0.1');
}

/** The URL that the client names, else the environment's. */
function databaseUrl() {
  const given = process.env.OVERWRITE_DATASOURCES;
  return (given && JSON.parse(given)[0]?.url) || process.env.DATABASE_URL;
}

async function answer(request, response, engine, schema) {
  let said;
  try {
    said = await ask(request, await bodyOf(request), engine, schema);
  } catch (error) {
    console.error('query engine:', error);
    said = { errors: [failure('P2009', String(error?.message ?? error))] };
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(said));
}

async function ask(request, body, engine, schema) {
  const [kind, id, ending] = request.url.split('?')[0].split('/').slice(1);
  if (kind === 'status') return { status: 'ok' };
  if (kind === 'metrics') return { counters: [], gauges: [], histograms: [] };
  if (kind === 'transaction') return id === 'start' ? engine.begin(body) : engine.end(id, ending);
  const asked = JSON.parse(body);
  const transaction = request.headers['x-transaction-id'];
  if (!asked.batch) return toAnswer(await engine.query(toRequest(asked.query, schema), transaction));
  const batch = asked.batch.map((one) => toRequest(one.query, schema));
  const done = await engine.query({ batch, transaction: asked.transaction ? {} : undefined }, transaction);
  return done.batchResult ? { ...done, batchResult: done.batchResult.map(toAnswer) } : done;
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(0), 2_000); // a worker that was killed takes it along
process.on('SIGINT', () => process.exit(0)); // how the client ends it
process.on('SIGTERM', () => {}); // meant for the proxy, which still has spend to write down
main().catch((error) => {
  console.error('query engine:', error);
  process.exit(1);
});
