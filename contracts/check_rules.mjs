// Runs every rule of the contracts against a node: check_rules.mjs RPC_URL FUNDER_KEY
// Prints one JSON line a check: {"check", "ok", "detail"}. tests/contracts starts the node and
// reads the lines. A scenario has a log of its own, so none leans on another's state.
import {readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {
  AbiCoder, Contract, ContractFactory, JsonRpcProvider, Wallet, ZeroAddress, id, keccak256, sha256,
  toUtf8Bytes,
} from 'ethers';

const here = dirname(fileURLToPath(import.meta.url));
const load = (name) => JSON.parse(readFileSync(join(here, 'build', `${name}.json`), 'utf8'));
const [url, funderKey] = process.argv.slice(2);
const gasMax = 58_400n;

// A static network and no cache: the node is ours, and every answer must be the present one.
const provider = new JsonRpcProvider(url, 1337, {
  staticNetwork: true, cacheTimeout: -1, pollingInterval: 20,
});
const funder = new Wallet(funderKey, provider);
const submitter = new Wallet(id('anchorlog test key submitter'), provider);
const other = new Wallet(id('anchorlog test key other'), provider);

const expect = (condition, what) => {
  if (!condition) throw new Error(what);
};
const equal = (got, wanted, what) => expect(got === wanted, `${what}: ${got}, not ${wanted}`);

async function mined(sent) {
  const receipt = await (await sent).wait();
  equal(receipt.status, 1, 'status');
  return receipt;
}

// What a call reverts with, decoded by the contract's own ABI; none is a failure.
async function reverts(contract, wanted, call) {
  try {
    await call();
  } catch (error) {
    const data = error.data ?? error.info?.error?.data?.result ?? error.info?.error?.data;
    const parsed = typeof data === 'string' ? contract.interface.parseError(data) : null;
    equal(parsed?.name, wanted, `reverted (${error.shortMessage})`);
    return parsed.args;
  }
  throw new Error(`no revert, wanted ${wanted}`);
}

// Burns nonce 0 of every account: Ganache runs a nonce-0 transaction again each time it is sent,
// which would look like a broken contract.
async function prepare() {
  for (const account of [submitter, other]) {
    await mined(funder.sendTransaction({to: account.address, value: 10n ** 18n}));
    await mined(account.sendTransaction({to: account.address}));
  }
}

async function deploy(name) {
  const artifact = load(name);
  const factory = new ContractFactory(artifact.abi, artifact.bytecode, funder);
  const contract = await factory.deploy();
  await contract.waitForDeployment();
  const code = await provider.getCode(contract.target);
  equal(keccak256(code), artifact.codeHash, 'code hash on the chain');
  return new Contract(contract.target, artifact.abi, funder);
}

let logs = 0;
async function newLog(registry, by = submitter) {
  const logId = sha256(toUtf8Bytes(`anchorlog.example/check-${logs++}`));
  await mined(registry.createLog(logId, by.address));
  return logId;
}

const word = (label) => id(label);
const args = (logId, batchId, salt = '') => [
  logId, batchId, word(`merkle ${batchId}${salt}`), word(`history ${batchId}${salt}`),
  1_780_000_000_000n + BigInt(batchId), word('signer'), word(`r ${batchId}`), word(`s ${batchId}`),
];

function recordHash(values) {
  const types = ['bytes32', 'uint64', 'bytes32', 'bytes32', 'uint64', ...Array(3).fill('bytes32')];
  return keccak256(AbiCoder.defaultAbiCoder().encode(types, values));
}

function anchoredIn(contract, receipt) {
  return receipt.logs.map((log) => contract.interface.parseLog(log)).filter(Boolean);
}

async function freshAnchor(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  const values = args(logId, 0);
  equal(await mine.anchor.staticCall(...values), true, 'fresh');
  const events = anchoredIn(anchors, await mined(mine.anchor(...values)));
  equal(events.length, 1, 'events');
  const [event] = events;
  equal(event.name, 'Anchored', 'event');
  equal(event.args.fromBatch, 0n, 'fromBatch');
  const names = ['logId', 'batchId', 'merkleRoot', 'historyRoot', 'sealedAtMs', 'signerKey'];
  [...names, 'sigR', 'sigS'].forEach((name, i) =>
    equal(String(event.args[name]), String(values[i]), name));
  equal(await anchors.recordOf(logId, 0), recordHash(values), 'recordOf');
  equal((await anchors.head(logId)).nextBatch, 1n, 'nextBatch');
}

async function identicalAgain(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  for (const batchId of [0, 4]) await mined(mine.anchor(...args(logId, batchId)));
  for (const batchId of [0, 4]) {
    const values = args(logId, batchId);
    equal(await mine.anchor.staticCall(...values), false, `fresh, batch ${batchId}`);
    const receipt = await mined(mine.anchor(...values));
    equal(receipt.logs.length, 0, `events, batch ${batchId}`);
  }
  equal((await anchors.head(logId)).nextBatch, 5n, 'nextBatch');
  const filter = anchors.filters.Anchored(logId);
  equal((await anchors.queryFilter(filter)).length, 2, 'events on the chain');
}

async function fromBatch(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  const wanted = [[2, 0n], [3, 3n], [50, 4n]];
  for (const [batchId, from] of wanted) {
    const [event] = anchoredIn(anchors, await mined(mine.anchor(...args(logId, batchId))));
    equal(event.args.fromBatch, from, `fromBatch of ${batchId}`);
  }
}

async function conflict(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  const values = args(logId, 7);
  await mined(mine.anchor(...values));
  for (let i = 2; i < values.length; ++i) {
    const changed = [...values];
    changed[i] = i === 4 ? values[4] + 1n : word('changed');
    const [have] = await reverts(anchors, 'Conflict', () => mine.anchor.staticCall(...changed));
    equal(have, recordHash(values), 'the record that stays');
  }
  equal(await anchors.recordOf(logId, 7), recordHash(values), 'recordOf');
}

async function conflictMined(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  await mined(mine.anchor(...args(logId, 0)));
  const sent = await mine.anchor(...args(logId, 0, ' forged'), {gasLimit: 100_000n});
  let receipt;
  try {
    receipt = await sent.wait();
  } catch (error) {
    receipt = error.receipt;
  }
  equal(receipt.status, 0, 'status');
  equal(receipt.logs.length, 0, 'events');
  equal(await anchors.recordOf(logId, 0), recordHash(args(logId, 0)), 'recordOf');
}

async function covered(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  await mined(mine.anchor(...args(logId, 9)));
  for (const batchId of [0, 8]) {
    const [next] = await reverts(anchors, 'Covered', () =>
      mine.anchor.staticCall(...args(logId, batchId)));
    equal(next, 10n, 'nextBatch');
    equal(BigInt(await anchors.recordOf(logId, batchId)), 0n, 'recordOf');
  }
}

async function notAuthorised(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  await mined(mine.anchor(...args(logId, 0)));
  const foreign = anchors.connect(other);
  const refused = (call) => reverts(anchors, 'NotAuthorised', call);
  await refused(() => foreign.anchor.staticCall(...args(logId, 0)));
  await refused(() => foreign.anchor.staticCall(...args(logId, 1)));
  await refused(() => anchors.anchor.staticCall(...args(logId, 1)));
  await refused(() => mine.anchor.staticCall(...args(word('no such log'), 0)));
  await refused(() => foreign.createLog.staticCall(word('log'), other.address));
  await refused(() => foreign.setSubmitter.staticCall(logId, other.address));
  await refused(() => mine.setSubmitter.staticCall(logId, other.address));
  await refused(() => mine.freezeLog.staticCall(logId));
  await refused(() => anchors.freezeLog.staticCall(word('no such log')));
  await refused(() => anchors.setSubmitter.staticCall(word('no such log'), other.address));
}

async function createLog(anchors) {
  const logId = await newLog(anchors);
  await reverts(anchors, 'Exists', () => anchors.createLog.staticCall(logId, other.address));
  await reverts(anchors, 'ZeroAddress', () =>
    anchors.createLog.staticCall(word('zero'), ZeroAddress));
  const head = await anchors.head(logId);
  equal(head.submitter, submitter.address, 'submitter');
  equal(head.nextBatch, 0n, 'nextBatch');
  equal(head.frozen, false, 'frozen');
}

async function logsApart(anchors) {
  const first = await newLog(anchors);
  const second = await newLog(anchors, other);
  await mined(anchors.connect(submitter).anchor(...args(first, 5)));
  equal((await anchors.head(second)).nextBatch, 0n, 'nextBatch of the other log');
  await mined(anchors.connect(other).anchor(...args(second, 0)));
  await reverts(anchors, 'NotAuthorised', () =>
    anchors.connect(submitter).anchor.staticCall(...args(second, 1)));
}

async function rotation(anchors) {
  const logId = await newLog(anchors);
  const [old, next] = [anchors.connect(submitter), anchors.connect(other)];
  await mined(old.anchor(...args(logId, 0)));
  await reverts(anchors, 'NotAuthorised', () => next.acceptSubmitter.staticCall(logId));
  await reverts(anchors, 'ZeroAddress', () => anchors.setSubmitter.staticCall(logId, ZeroAddress));
  await mined(anchors.setSubmitter(logId, other.address));
  await mined(old.anchor(...args(logId, 1)));
  await reverts(anchors, 'NotAuthorised', () => next.anchor.staticCall(...args(logId, 2)));
  await reverts(anchors, 'NotAuthorised', () => old.acceptSubmitter.staticCall(logId));
  await mined(next.acceptSubmitter(logId));
  await reverts(anchors, 'NotAuthorised', () => old.anchor.staticCall(...args(logId, 2)));
  await reverts(anchors, 'NotAuthorised', () => next.acceptSubmitter.staticCall(logId));
  await mined(next.anchor(...args(logId, 2)));
  equal(await next.anchor.staticCall(...args(logId, 1)), false, 'an old record is still known');
  equal((await anchors.head(logId)).submitter, other.address, 'submitter');
}

async function freeze(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  await mined(mine.anchor(...args(logId, 3)));
  await mined(anchors.freezeLog(logId));
  await reverts(anchors, 'Frozen', () => mine.anchor.staticCall(...args(logId, 4)));
  await reverts(anchors, 'Frozen', () => anchors.freezeLog.staticCall(logId));
  equal(await mine.anchor.staticCall(...args(logId, 3)), false, 'a resend after the freeze');
  const head = await anchors.head(logId);
  equal(head.frozen, true, 'frozen');
  equal(head.nextBatch, 4n, 'nextBatch');
  expect(!anchors.interface.fragments.some((f) => /unfreeze|delete|upgrade/i.test(f.name ?? '')),
    'nothing undoes it');
}

async function hugeBatch(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  await mined(mine.anchor(...args(logId, 2n ** 53n - 1n)));
  equal((await anchors.head(logId)).nextBatch, 2n ** 53n, 'nextBatch');
  let refused = false;
  await mine.anchor.staticCall(...args(logId, 2n ** 64n - 1n)).catch(() => (refused = true));
  expect(refused, 'a nextBatch that wraps round would reopen the log');
}

async function gas(anchors) {
  const logId = await newLog(anchors);
  const mine = anchors.connect(submitter);
  const used = [];
  for (let batchId = 0; batchId < 6; ++batchId) {
    used.push((await mined(mine.anchor(...args(logId, batchId)))).gasUsed);
  }
  const again = (await mined(mine.anchor(...args(logId, 5)))).gasUsed;
  const worst = used.slice(1).reduce((a, b) => (a > b ? a : b));
  expect(used.every((g) => g <= gasMax), `gas per anchor: ${used} > ${gasMax}`);
  return `first ${used[0]}, later at most ${worst}, identical again ${again}`;
}

async function deviceKeys(registry) {
  const device = sha256(toUtf8Bytes('cam-1'));
  const [first, second] = [word('device key 1'), word('device key 2')];
  await reverts(registry, 'Unknown', () => registry.getDeviceKey(device));
  await reverts(registry, 'ZeroKey', () =>
    registry.registerDeviceKey.staticCall(device, 1, `0x${'0'.repeat(64)}`));
  const foreign = registry.connect(other);
  await reverts(registry, 'NotAuthorised', () =>
    foreign.registerDeviceKey.staticCall(device, 1, first));
  const names = async (sent) => (await mined(sent)).logs.map((l) => registry.interface.parseLog(l));
  const [registered] = await names(registry.registerDeviceKey(device, 1, first));
  equal(registered.name, 'KeyRegistered', 'event');
  equal(registered.args.key, first, 'key');
  equal((await registry.getDeviceKey(device)).version, 1n, 'version');
  await reverts(registry, 'Unchanged', () =>
    registry.registerDeviceKey.staticCall(device, 1, first));
  const events = await names(registry.registerDeviceKey(device, 1, second));
  equal(events.map((e) => e.name).join(), 'KeyDeactivated,KeyRegistered', 'events');
  equal((await registry.getDeviceKey(device)).key, second, 'key');
  const old = await registry.getDeviceKeyAt(device, 1);
  equal(old.key, first, 'the old version stays readable');
  expect(old.until > 0n, 'the old version ended');
  await reverts(registry, 'NotAuthorised', () => foreign.deactivateKey.staticCall(device));
  const [ended] = await names(registry.deactivateKey(device));
  equal(ended.name, 'KeyDeactivated', 'event');
  await reverts(registry, 'NotActive', () => registry.getDeviceKey(device));
  await reverts(registry, 'NotActive', () => registry.deactivateKey.staticCall(device));
  await mined(registry.registerDeviceKey(device, 1, first));
  equal((await registry.getDeviceKey(device)).version, 3n, 'version after deactivation');
  await reverts(registry, 'Unknown', () => registry.getDeviceKeyAt(device, 4));
  await reverts(registry, 'Unknown', () => registry.getDeviceKeyAt(device, 0));
}

async function check(name, run) {
  try {
    const detail = (await run()) ?? '';
    console.log(JSON.stringify({check: name, ok: true, detail}));
  } catch (error) {
    console.log(JSON.stringify({check: name, ok: false, detail: String(error.message ?? error)}));
  }
}

await prepare();
const anchors = await deploy('LogAnchor');
const scenarios = {
  fresh_anchor: freshAnchor,
  identical_again: identicalAgain,
  from_batch: fromBatch,
  conflict,
  conflict_mined: conflictMined,
  covered,
  not_authorised: notAuthorised,
  create_log: createLog,
  logs_apart: logsApart,
  rotation,
  freeze,
  huge_batch: hugeBatch,
  gas,
};
for (const [name, run] of Object.entries(scenarios)) await check(name, () => run(anchors));
await check('device_keys', async () => deviceKeys(await deploy('DeviceKeyRegistry')));
provider.destroy();
