// SPDX-License-Identifier: Apache-2.0
// Runs a static analyser over every file of src/ with the flags of the debug build, a process per
// core. A file that passed is skipped until its preprocessed text, the analyser or its settings
// change; build/lint/ holds what passed.
//
// usage: node tools/analyse-sources.mjs clang-tidy|gcc
import { spawn, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync }
  from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(root, 'build/debug');
const KEEP_DAYS = 14; // so that a change of branch and back analyses nothing again
// What one file alone does not tell the analysers (src/util/error.h).
const KNOWLEDGE = '-DNJ_ANALYSIS';
// Ownership goes on through members of what was allocated: a node in a ring, an operation handed to
// a thread. gcc 12 takes each such hand-over for a leak; LeakSanitizer sees every test instead.
const GCC_FLAGS = `${KNOWLEDGE} -O1 -fanalyzer -Wno-analyzer-malloc-leak`;

// For each analyser: its version, the settings that its verdict depends on, its command.
const analysers = {
  'clang-tidy': {
    version: () => execFileSync('clang-tidy', ['--version']).toString(),
    settings: () => readFileSync(join(root, '.clang-tidy'), 'utf8'),
    command: (row) => `clang-tidy -p '${build}' --quiet --extra-arg=${KNOWLEDGE} '${row.file}'`,
  },
  gcc: {
    version: () => execFileSync('gcc', ['--version']).toString(),
    settings: () => GCC_FLAGS,
    command: (row) => `${row.flags} ${GCC_FLAGS} -S -o /dev/null '${row.file}'`,
  },
};

const name = process.argv[2];
const analyser = analysers[name];
if (!analyser) {
  console.error(`usage: analyse-sources.mjs ${Object.keys(analysers).join('|')}`);
  process.exit(2);
}
const cache = join(root, 'build/lint', name);
mkdirSync(cache, { recursive: true });

function readRows() {
  const rows = JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'));
  return rows
    .filter((row) => /\/src\/[a-z]+\/[a-z0-9_]+\.c$/.test(row.file))
    .map((row) => ({
      file: row.file,
      directory: row.directory,
      flags: row.command.replace(/^\S*ccache\s+/, '').replace(/ -o \S+/, '').replace(/ -c \S+$/, ''),
    }));
}

function run(command, directory) {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', command], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = [];
    const err = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    child.on('close', (code) => resolve({ code, out: Buffer.concat(out), err: Buffer.concat(err) }));
  });
}

const stable = `${analyser.version()}\n${analyser.settings()}`;

// Comments stay in the text: a NOLINT or a suppression in one of them is part of the verdict.
async function passMark(row) {
  const text = await run(`${row.flags} ${KNOWLEDGE} -E -CC '${row.file}'`, row.directory);
  if (text.code !== 0) return null; // the analyser says what is wrong
  const hash = createHash('sha256').update(stable).update(row.flags).update(text.out);
  return join(cache, hash.digest('hex'));
}

async function analyse(row) {
  const mark = await passMark(row);
  if (mark && existsSync(mark)) {
    utimesSync(mark, new Date(), new Date());
    return 'known';
  }
  const { code, out, err } = await run(analyser.command(row), row.directory);
  if (code === 0) {
    if (mark) writeFileSync(mark, relative(root, row.file));
    return 'passed';
  }
  process.stdout.write(out.length ? out : err);
  return 'failed';
}

function dropOldMarks() {
  const oldest = Date.now() - KEEP_DAYS * 24 * 3600 * 1000;
  for (const file of readdirSync(cache)) {
    const path = join(cache, file);
    if (statSync(path).mtimeMs < oldest) rmSync(path);
  }
}

const counts = { known: 0, passed: 0, failed: 0 };
const rows = readRows();
const total = rows.length;
async function work() {
  for (let row = rows.shift(); row; row = rows.shift()) counts[await analyse(row)] += 1;
}
await Promise.all(cpus().map(work));
dropOldMarks();
console.log(`${name}: ${total} files, ${counts.known} unchanged, ${counts.failed} with findings`);
process.exit(counts.failed || total === 0 ? 1 : 0);
