// SPDX-License-Identifier: Apache-2.0
// From compile_commands.json: one command a line that analyses a file of src/ and writes nothing.
import { readFileSync } from 'node:fs';

for (const row of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  if (!/\/src\/[a-z]+\/[a-z0-9_]+\.c$/.test(row.file)) continue;
  const command = row.command
    .replace(/^\S*ccache\s+/, '')
    .replace(/ -o \S+/, '')
    .replace(/ -c \S+$/, '');
  console.log(`${command} -O1 -fanalyzer -S -o /dev/null ${row.file}`);
}
