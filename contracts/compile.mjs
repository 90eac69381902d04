// Compiles the contracts into build/*.json and the C++ header of LogAnchor's bytecode.
// With --check nothing is written: the files as they are must be what the compiler makes, so that
// what is deployed and what verifiers pin is what the sources say.
import {readFileSync, writeFileSync, mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {keccak256} from 'ethers';
import solc from 'solc';

const here = dirname(fileURLToPath(import.meta.url));
const headerPath = join(here, '..', 'src', 'anchor', 'eth', 'log_anchor_bytecode.h');
const sourceNames = ['LogAnchor.sol', 'DeviceKeyRegistry.sol'];

// No metadata behind the code: its hash covers comments, and the code hash that verifiers pin must
// not change with a comment. Shanghai: later targets use opcodes the test chain does not know.
const settings = {
  evmVersion: 'shanghai',
  optimizer: {enabled: true, runs: 200},
  metadata: {appendCBOR: false, bytecodeHash: 'none'},
};

function compile() {
  const sources = {};
  for (const name of sourceNames) {
    sources[name] = {content: readFileSync(join(here, name), 'utf8')};
  }
  const outputSelection = {'*': {'*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode']}};
  const input = {language: 'Solidity', sources, settings: {...settings, outputSelection}};
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const messages = output.errors ?? [];
  if (messages.length > 0) {
    throw new Error(messages.map((m) => m.formattedMessage).join('\n'));
  }
  return sourceNames.map((name) => artifact(name, output.contracts[name]));
}

function artifact(source, contracts) {
  const [[name, contract]] = Object.entries(contracts);
  if (Object.keys(contract.evm.deployedBytecode.immutableReferences).length > 0) {
    throw new Error(`${name}: an immutable makes the code hash differ between deployments`);
  }
  const deployedBytecode = '0x' + contract.evm.deployedBytecode.object;
  return {
    contractName: name,
    source,
    compiler: {version: solc.version(), settings},
    abi: contract.abi,
    bytecode: '0x' + contract.evm.bytecode.object,
    deployedBytecode,
    codeHash: keccak256(deployedBytecode),
  };
}

function cppHeader({bytecode, codeHash}) {
  const lines = bytecode.slice(2).match(/.{1,90}/g).map((part) => `    "${part}"`);
  return `#pragma once
// Made by contracts/compile.mjs from contracts/LogAnchor.sol: change that, not this.

#include <string_view>

namespace anchorlog::eth {

// Creation code of LogAnchor, hex without 0x; the constructor takes no argument.
inline constexpr std::string_view kLogAnchorBytecode =
${lines.join('\n')};

// Keccak-256 of the runtime code, the same for every deployment: what a trust file pins.
inline constexpr std::string_view kLogAnchorCodeHash =
    "${codeHash}";

}  // namespace anchorlog::eth
`;
}

function outputs() {
  const artifacts = compile();
  const files = artifacts.map((a) => [
    join(here, 'build', `${a.contractName}.json`),
    JSON.stringify(a, null, 2) + '\n',
  ]);
  files.push([headerPath, cppHeader(artifacts.find((a) => a.contractName === 'LogAnchor'))]);
  return files;
}

if (process.argv.includes('--check')) {
  const stale = outputs().filter(([path, text]) => {
    try {
      return readFileSync(path, 'utf8') !== text;
    } catch {
      return true;
    }
  });
  for (const [path] of stale) {
    console.error(`${path}: not what the sources compile to; mend: node contracts/compile.mjs`);
  }
  process.exit(stale.length === 0 ? 0 : 1);
}
for (const [path, text] of outputs()) {
  mkdirSync(dirname(path), {recursive: true});
  writeFileSync(path, text);
}
