'use strict';
// The client's side of the conversation, as tests/clients/drivers/loop.py has it.

const dns = require('dns');
const http = require('http');
const readline = require('readline');

const toJson = value => (Buffer.isBuffer(value) ? { base64: value.toString('base64') } : value);

function fromJson(name, value) {
  const isBytes = value && typeof value === 'object' && typeof value.base64 === 'string';
  return isBytes ? Buffer.from(value.base64, 'base64') : value;
}

async function answerTo(call, state, Driver) {
  try {
    if (call.operation === 'connect') {
      state.client = new Driver(call.given);
      return { done: null };
    }
    return { done: toJson((await state.client[call.operation](call.given)) ?? null) };
  } catch (error) {
    const refused = Driver.refusal(error);
    return refused ? { refused } : { broken: String(error && error.stack) };
  }
}

// Answer calls from standard input until it ends, one after the other.
async function serve(Driver) {
  console.log = console.error; // what a client prints is no answer
  const state = {};
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answer = await answerTo(JSON.parse(line, fromJson), state, Driver);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0); // kept-alive connections would hold the process
}

// An agent for which every name is the sandbox, as a resolver of the customer's could have it.
function agentForNames() {
  const lookup = (name, options, found) => dns.lookup('127.0.0.1', options, found);
  return new http.Agent({ keepAlive: true, lookup });
}

module.exports = { agentForNames, serve };
