// Makes tests/vectors/eth.json: what independent implementations (ethers, Ganache,
// @ethereumjs/trie) say about the Ethereum encodings our C++ code writes itself. Shape and use:
// tests/vectors/README.md. Needs the development dependencies: npm --prefix contracts ci
import {readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Trie} from '@ethereumjs/trie';
import {
  AbiCoder, Interface, Signature, SigningKey, Transaction, computeAddress, concat, decodeRlp,
  encodeRlp, getBytes, hexlify, id, keccak256, sha256, toBeArray, toQuantity, toUtf8Bytes,
} from 'ethers';
import ganache from 'ganache';

const here = dirname(fileURLToPath(import.meta.url));
const artifact = JSON.parse(readFileSync(join(here, 'build', 'LogAnchor.json'), 'utf8'));
const abi = new Interface(artifact.abi);
const fromText = (text) => hexlify(toUtf8Bytes(text));

// Keys are named, not stored: the private key is the Keccak-256 of the name.
const keyName = (n) => `anchorlog test key ${n}`;
const keyOf = (name) => new SigningKey(id(name));
const addressOf = (name) => computeAddress(keyOf(name));

// Reproducible bytes for fields whose value does not matter.
const seeded = (label, size) => {
  let out = '0x';
  for (let i = 0; out.length < 2 + 2 * size; ++i) {
    out += keccak256(fromText(`${label} ${i}`)).slice(2);
  }
  return out.slice(0, 2 + 2 * size);
};

function keccakVectors() {
  const sizes = [0, 1, 2, 31, 32, 33, 64, 135, 136, 137, 200, 271, 272, 273, 500, 1000];
  return [fromText('abc'), ...sizes.map((size) => seeded('keccak', size))].map((data) => ({
    data,
    hash: keccak256(data),
  }));
}

function rlpVectors() {
  const values = [
    '0x', '0x00', '0x01', '0x7f', '0x80', '0xff', '0x0400', fromText('dog'), [],
    [fromText('cat'), fromText('dog')], [[], [[]], [[], [[]]]], ['0x', '0x00', []],
    seeded('rlp', 54), seeded('rlp', 55), seeded('rlp', 56), seeded('rlp', 255),
    seeded('rlp', 256), seeded('rlp', 1024), Array(55).fill('0x01'), Array(56).fill('0x01'),
    Array(300).fill('0x80'), [seeded('rlp', 60), [seeded('rlp', 70), ['0x', ['0x05']]]],
  ];
  for (const depth of [4, 16]) {
    values.push(Array.from({length: depth}).reduce((inner) => [inner], []));
  }
  return values.map((value) => ({value, encoded: encodeRlp(value)}));
}

// Encodings that a strict decoder refuses, and why.
function rlpBadVectors() {
  return [
    ['0x', 'empty input'],
    ['0x8100', 'one byte below 0x80 written as a string'],
    ['0x817f', 'one byte below 0x80 written as a string'],
    ['0x83646f', 'string cut short'],
    ['0xb800', 'long form of a short string'],
    ['0xb837' + '00'.repeat(55), 'long form of a short string'],
    ['0xb90037' + '00'.repeat(55), 'length with a leading zero'],
    ['0xb9003800' + '00'.repeat(55), 'length with a leading zero'],
    ['0xb838' + '00'.repeat(55), 'string cut short'],
    ['0xbfffffffffffffffff', 'length beyond any input'],
    ['0xbb', 'length cut short'],
    ['0xc1', 'list cut short'],
    ['0xc281', 'string in a list cut short'],
    ['0xc38302', 'string reaches beyond its list'],
    ['0xf800', 'long form of a short list'],
    ['0xf90001c0', 'length with a leading zero'],
    ['0xffffffffffffffffff', 'length beyond any input'],
    ['0x0000', 'bytes behind the value'],
    ['0xc000', 'bytes behind the value'],
    ['0xc2830102', 'string reaches beyond its list'],
  ].map(([encoded, why]) => ({encoded, why}));
}

function accountVectors() {
  return Array.from({length: 24}, (_, n) => ({
    key: keyName(n),
    public_key: keyOf(keyName(n)).publicKey,
    address: addressOf(keyName(n)),
  }));
}

const recordTypes = [
  'bytes32', 'uint64', 'bytes32', 'bytes32', 'uint64', 'bytes32', 'bytes32', 'bytes32',
];

function record(n, batchId) {
  return {
    log_id: sha256(fromText(`anchorlog.example/vector-${n}`)),
    batch_id: toQuantity(batchId),
    merkle_root: seeded(`merkle ${n}`, 32),
    history_root: seeded(`history ${n}`, 32),
    sealed_at_ms: toQuantity(1_780_000_000_000n + BigInt(n) * 60_001n),
    signer_key: seeded(`signer ${n}`, 32),
    sig_r: seeded(`r ${n}`, 32),
    sig_s: seeded(`s ${n}`, 32),
  };
}

const recordArgs = (r) => [
  r.log_id, r.batch_id, r.merkle_root, r.history_root, r.sealed_at_ms, r.signer_key, r.sig_r,
  r.sig_s,
];
const recordHash = (r) => keccak256(AbiCoder.defaultAbiCoder().encode(recordTypes, recordArgs(r)));

function contractVectors() {
  const ids = [0n, 1n, 41n, 255n, 256n, 65_536n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 64n - 1n];
  const records = ids.map((batchId, n) => record(n, batchId));
  const logId = records[2].log_id;
  const submitter = addressOf(keyName(1));
  const call = (name, args) => ({name, args, data: abi.encodeFunctionData(name, args)});
  const answers = [
    {submitter: `0x${'0'.repeat(40)}`, next_batch: '0x0', frozen: false},
    {submitter, next_batch: '0x2a', frozen: false},
    {submitter, next_batch: '0xffffffffffffffff', frozen: true},
  ];
  const selectors = {};
  abi.forEachFunction((f) => (selectors[f.format('sighash')] = f.selector));
  const errors = {};
  abi.forEachError((e) => (errors[e.format('sighash')] = e.selector));
  return {
    code_hash: artifact.codeHash,
    selectors,
    errors,
    anchored_topic0: abi.getEvent('Anchored').topicHash,
    anchor_calls: records.map((r) => ({
      record: r,
      data: abi.encodeFunctionData('anchor', recordArgs(r)),
      record_hash: recordHash(r),
    })),
    other_calls: [
      call('recordOf', [logId, '0x29']),
      call('head', [logId]),
      call('createLog', [logId, submitter]),
      call('setSubmitter', [logId, submitter]),
      call('acceptSubmitter', [logId]),
      call('freezeLog', [logId]),
    ],
    head_answers: answers.map((a) => ({
      ...a,
      data: abi.encodeFunctionResult('head', [a.submitter, a.next_batch, a.frozen]),
    })),
    events: records.map((r, n) => eventVector(r, n % 3 === 0 ? '0x0' : r.batch_id)),
    reverts: [
      {name: 'Conflict', data: abi.encodeErrorResult('Conflict', [recordHash(records[0])])},
      {name: 'Covered', data: abi.encodeErrorResult('Covered', [42n])},
      {name: 'NotAuthorised', data: abi.encodeErrorResult('NotAuthorised', [])},
      {name: 'Frozen', data: abi.encodeErrorResult('Frozen', [])},
    ],
  };
}

function eventVector(r, fromBatch) {
  const {data, topics} = abi.encodeEventLog('Anchored', [
    r.log_id, r.batch_id, r.history_root, fromBatch, r.merkle_root, r.sealed_at_ms, r.signer_key,
    r.sig_r, r.sig_s,
  ]);
  return {record: r, from_batch: fromBatch, topics, data};
}

function transactionVector(name, fields) {
  const transaction = Transaction.from({type: 2, accessList: [], ...fields});
  const unsigned = transaction.unsignedSerialized;
  const signingHash = transaction.unsignedHash;
  transaction.signature = keyOf(name).sign(signingHash);
  const {r, s, yParity} = Signature.from(transaction.signature);
  return {
    key: name,
    from: transaction.from,
    chain_id: toQuantity(transaction.chainId),
    nonce: toQuantity(transaction.nonce),
    max_priority_fee: toQuantity(transaction.maxPriorityFeePerGas),
    max_fee: toQuantity(transaction.maxFeePerGas),
    gas: toQuantity(transaction.gasLimit),
    to: transaction.to,
    value: toQuantity(transaction.value),
    data: transaction.data,
    unsigned,
    signing_hash: signingHash,
    y_parity: yParity,
    r,
    s,
    raw: transaction.serialized,
    hash: transaction.hash,
  };
}

// Values at which the length of an encoded integer changes.
const edges = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x100n, 0xffffn, 0x10000n, 2n ** 32n, 2n ** 53n - 1n];
const edge = (i, salt) => edges[Number(BigInt(keccak256(fromText(`${salt} ${i}`))) % 10n)];

function transactionVectors() {
  const out = [];
  const to = addressOf('anchorlog test contract');
  for (let i = 0; i < 180; ++i) {
    const anchors = i % 8 === 0;
    const creates = i % 45 === 17;
    out.push(
      transactionVector(keyName(i % 24), {
        chainId: [1n, 10n, 1337n, 31_337n, 11_155_111n, 2n ** 53n - 1n][i % 6],
        nonce: Number(edge(i, 'nonce')),
        maxPriorityFeePerGas: edge(i, 'tip'),
        maxFeePerGas: edge(i, 'tip') + edge(i, 'fee'),
        gasLimit: 21_000n + edge(i, 'gas'),
        to: creates ? null : to,
        value: edge(i, 'value'),
        data: creates
          ? artifact.bytecode.slice(0, 2 + 2 * 64)
          : anchors
            ? abi.encodeFunctionData('anchor', recordArgs(record(i, BigInt(i))))
            : seeded(`data ${i}`, [0, 1, 2, 4, 36, 55, 56, 68][i % 8]),
      }),
    );
  }
  return [...out, ...shortSignatures(to)];
}

// About one signature in 85 has an r or s that starts with a zero byte, and RLP drops it.
function shortSignatures(to) {
  const wanted = {r: 14, s: 14};
  const out = [];
  for (let nonce = 1; wanted.r + wanted.s > 0; ++nonce) {
    const vector = transactionVector(keyName(3), {
      chainId: 1337n,
      nonce,
      maxPriorityFeePerGas: 1_500_000_000n,
      maxFeePerGas: 30_000_000_000n,
      gasLimit: 80_000n,
      to,
      value: 0n,
      data: '0x',
    });
    for (const part of ['r', 's']) {
      if (vector[part].startsWith('0x00') && wanted[part] > 0) {
        --wanted[part];
        out.push(vector);
        break;
      }
    }
  }
  return out;
}

const integer = (quantity) => (BigInt(quantity) === 0n ? '0x' : hexlify(toBeArray(quantity)));

function encodeHeader(b) {
  return encodeRlp([
    b.parentHash, b.sha3Uncles, b.miner, b.stateRoot, b.transactionsRoot, b.receiptsRoot,
    b.logsBloom, integer(b.difficulty), integer(b.number), integer(b.gasLimit), integer(b.gasUsed),
    integer(b.timestamp), b.extraData, b.mixHash, b.nonce, integer(b.baseFeePerGas),
    b.withdrawalsRoot,
  ]);
}

function encodeReceipt(r) {
  if (r.type !== '0x2') throw new Error(`receipt type ${r.type}`);
  const logs = r.logs.map((log) => [log.address, log.topics, log.data]);
  const body = encodeRlp([integer(r.status), integer(r.cumulativeGasUsed), r.logsBloom, logs]);
  return concat(['0x02', body]);
}

async function chainVectors() {
  const deployer = keyName(0);
  const provider = ganache.provider({
    logging: {quiet: true},
    chain: {hardfork: 'shanghai', chainId: 1337, time: new Date(1_780_000_000_000)},
    miner: {blockGasLimit: 30_000_000n, instamine: 'strict'},
    wallet: {accounts: [{secretKey: id(deployer), balance: 10n ** 21n}]},
  });
  const rpc = (method, ...params) => provider.request({method, params});
  let nonce = 0;
  let time = 1_780_000_000;
  const send = async (to, data) => {
    const transaction = Transaction.from({
      type: 2, chainId: 1337, nonce: nonce++, maxPriorityFeePerGas: 10n ** 9n,
      maxFeePerGas: 10n ** 10n, gasLimit: to === null ? 1_000_000 : 120_000, to, data, value: 0,
    });
    transaction.signature = keyOf(deployer).sign(transaction.unsignedHash);
    return rpc('eth_sendRawTransaction', transaction.serialized);
  };
  await rpc('miner_stop');
  const mine = async () => {
    await rpc('evm_mine', {timestamp: (time += 12), blocks: 1});
    return rpc('eth_getBlockByNumber', 'latest', false);
  };
  await send(addressOf(deployer), '0x');
  const creation = await send(null, artifact.bytecode);
  await mine();
  const contract = (await rpc('eth_getTransactionReceipt', creation)).contractAddress;
  const logId = record(0, 0n).log_id;
  await send(contract, abi.encodeFunctionData('createLog', [logId, addressOf(deployer)]));
  await mine();
  const blocks = [];
  let batchId = 0n;
  for (const count of [1, 3, 20, 140]) {
    for (let i = 0; i < count; ++i) {
      if (i % 7 !== 0) {
        await send(addressOf(keyName(i)), '0x');
        continue;
      }
      const r = {...record(Number(batchId), batchId), log_id: logId};
      await send(contract, abi.encodeFunctionData('anchor', recordArgs(r)));
      batchId += 2n;
    }
    blocks.push(await blockVector(rpc, await mine(), count));
  }
  await provider.disconnect();
  return {contract, log_id: logId, blocks};
}

async function blockVector(rpc, block, count) {
  const header = encodeHeader(block);
  if (keccak256(header) !== block.hash) throw new Error('the header does not hash to its block');
  const receipts = [];
  for (const hash of block.transactions) {
    receipts.push(await rpc('eth_getTransactionReceipt', hash));
  }
  if (receipts.length !== count) throw new Error(`${receipts.length} receipts, not ${count}`);
  if (receipts.some((r) => r.status !== '0x1')) throw new Error('a transaction failed');
  const encoded = receipts.map(encodeReceipt);
  const trie = await Trie.create();
  const trieKey = (index) => getBytes(encodeRlp(integer(index)));
  for (let i = 0; i < count; ++i) await trie.put(trieKey(i), getBytes(encoded[i]));
  if (hexlify(trie.root()) !== block.receiptsRoot) throw new Error('another receipts root');
  const proofs = [];
  for (const index of [0, 1, 7, 14, 127, 128, 133, 139].filter((i) => i < count)) {
    const nodes = await trie.createProof(trieKey(index));
    const proven = await trie.verifyProof(trie.root(), trieKey(index), nodes);
    if (hexlify(proven) !== encoded[index]) throw new Error('the proof does not verify');
    proofs.push({index, key: hexlify(trieKey(index)), nodes: nodes.map((n) => hexlify(n))});
  }
  if (decodeRlp(header).length !== 17) throw new Error('not a Shanghai header');
  return {
    rpc_block: block,
    header,
    hash: block.hash,
    receipts_root: block.receiptsRoot,
    receipts: encoded,
    rpc_receipt: receipts[0],
    proofs,
  };
}

const vectors = {
  keccak256: keccakVectors(),
  rlp: rlpVectors(),
  rlp_bad: rlpBadVectors(),
  accounts: accountVectors(),
  contract: contractVectors(),
  transactions: transactionVectors(),
  chain: await chainVectors(),
};
const out = process.argv[2] ?? join(here, '..', 'tests', 'vectors', 'eth.json');
writeFileSync(out, JSON.stringify(vectors, null, 1) + '\n');
