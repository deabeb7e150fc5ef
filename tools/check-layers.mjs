// SPDX-License-Identifier: Apache-2.0
// Every #include "folder/x.h" under src/ points to the same folder or one of a smaller rank, and
// never to another folder's private header. The ranks are read from ARCHITECTURE.md's table.
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ranks = new Map();
for (const line of readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('\n')) {
  const row = line.match(/^\| (\d+) \| `([a-z]+)\/` \|/);
  if (row) ranks.set(row[2], Number(row[1]));
}
const problems = [];
if (ranks.size < 10) problems.push('ARCHITECTURE.md: the rank table was not found');
let arrows = 0;

function check(folder, at, target, header) {
  if (!target) return problems.push(`${at}: include "${header}" without its folder`);
  arrows += 1;
  if (target === folder || !existsSync(join(root, 'src', target, header))) return;
  if (header.endsWith('_priv.h')) problems.push(`${at}: ${target}/${header} is private`);
  if (!(ranks.get(target) < ranks.get(folder)))
    problems.push(`${at}: ${folder} (rank ${ranks.get(folder)}) must not know ${target} ` +
      `(rank ${ranks.get(target)})`);
}

for (const entry of readdirSync(join(root, 'src'), { withFileTypes: true })) {
  if (!entry.isDirectory()) continue;
  const folder = entry.name;
  if (!ranks.has(folder)) problems.push(`src/${folder}: has no rank in ARCHITECTURE.md`);
  for (const file of readdirSync(join(root, 'src', folder))) {
    if (!/\.[ch]$/.test(file)) continue;
    const path = `src/${folder}/${file}`;
    readFileSync(join(root, path), 'utf8').split('\n').forEach((line, index) => {
      const include = line.match(/^#include "(?:([a-z]+)\/)?([a-z0-9_]+\.h)"/);
      if (include) check(folder, `${path}:${index + 1}`, include[1], include[2]);
    });
  }
}
for (const problem of problems) console.error(problem);
console.log(`${arrows} includes checked, ${problems.length} wrong`);
process.exit(problems.length ? 1 : 0);
