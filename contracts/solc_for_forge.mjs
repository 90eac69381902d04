#!/usr/bin/env node
// The compiler forge is told to use: answers the two questions it asks of a solc, with the solc of
// this folder, so that the tests run on what compile.mjs compiles with and nothing is downloaded.
import {readFileSync} from 'node:fs';
import solc from 'solc';

if (process.argv.includes('--version')) {
  const version = solc.version().replace(/\.Emscripten.*$/, '.Linux.g++');
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else {
  process.stdout.write(solc.compile(readFileSync(0, 'utf8')));
}
