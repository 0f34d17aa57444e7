#!/usr/bin/env node
// A client of a bank on Perjury's demo database: docs/client-protocol.md tells the conversation.
const net = require("node:net");
const readline = require("node:readline");

/** It certainly did not happen, and never will. */
class Failed extends Error {}
/** The database was there, and answered that it would not. */
class Declined extends Failed {}
/** An answer that cannot be understood. */
class Odd extends Error {}

let hello, accounts, opening, link;

/** Connects within two seconds. */
function connect() {
  return new Promise((done, fail) => {
    const socket = net.connect(hello.ports.client, hello.node.address, () => {
      socket.setTimeout(2000, () => socket.destroy(new Error("no answer in 2 s")));
      const lines = readline.createInterface({ input: socket })[Symbol.asyncIterator]();
      done({ socket, lines });
    });
    const late = setTimeout(() => socket.destroy(new Error("no connection in 2 s")), 2000);
    socket.on("close", () => clearTimeout(late));
    socket.on("connect", () => clearTimeout(late));
    socket.on("error", fail);
  });
}

/** One transaction of the database; gives what each operation read. */
async function transact(operations) {
  if (!link) {
    try {
      link = await connect();
    } catch (error) {
      throw new Failed(`nothing was sent: ${error.message}`);
    }
  }
  link.socket.write(JSON.stringify({ execute: { transaction: { operations } } }) + "\n");
  const next = await link.lines.next();
  if (next.done) throw new Error("the server closed the connection");
  let outcome;
  try {
    outcome = JSON.parse(next.value).executed;
  } catch (error) {
    throw new Odd(`the server said ${next.value}`);
  }
  if (!outcome) throw new Odd(`the server said ${next.value}`);
  if (outcome.Err) {
    throw outcome.Err.definite ? new Failed(outcome.Err.message) : new Error(outcome.Err.message);
  }
  if (outcome.Ok.declined) throw new Declined(outcome.Ok.declined);
  return outcome.Ok.transaction;
}

const key = (account) => JSON.stringify(["account", account]);

// An account that was never written holds the opening balance.
const add = (account, by, least) => ({
  add_to_register: { key: key(account), by, initial: opening, least },
});

async function run(f, value) {
  if (f === "transfer") {
    await transact([add(value.from, -value.amount, 0), add(value.to, value.amount, null)]);
    return value;
  }
  if (f === "read") {
    const all = Array.from({ length: accounts }, (_, at) => ({ read_register: { key: key(at) } }));
    const held = await transact(all);
    return Object.fromEntries(held.map((found, at) => [at, found ?? opening]));
  }
  throw new Failed(`there is no operation ${f}`);
}

function say(words) {
  process.stdout.write(JSON.stringify(words) + "\n");
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const words = JSON.parse(line);
    if (!hello) {
      hello = words;
      accounts = Number(hello.options.accounts ?? 8);
      opening = Number(hello.options.balance ?? 10);
      say({ type: "hello", protocol: 1 });
      continue;
    }
    try {
      say({ id: words.id, type: "ok", value: await run(words.f, words.value) });
    } catch (error) {
      const type = error instanceof Failed ? "fail" : "info";
      const [declined, unexpected] = [error instanceof Declined, error instanceof Odd];
      say({ id: words.id, type, error: error.message, declined, unexpected });
    }
  }
  process.exit(0);
}

main();
