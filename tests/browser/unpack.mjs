// Unpacks the browser that the npm package carries: node unpack.mjs FOLDER, where FOLDER/node_modules is installed.
import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

const folder = path.resolve(process.argv[2]);
const packed = path.join(folder, 'node_modules', '@sparticuz', 'chromium', 'bin');
const unpack = (name, to, mode) =>
  pipeline(createReadStream(path.join(packed, name)), createBrotliDecompress(), createWriteStream(to, { mode }));

await unpack('chromium.br', path.join(folder, 'chromium'), 0o755);
// Libraries that a machine without a desktop lacks, and a font for one without any.
for (const [name, place] of [['al2023', 'libraries'], ['fonts', 'fonts']]) {
  const archive = path.join(folder, `${name}.tar`);
  await unpack(`${name}.tar.br`, archive);
  mkdirSync(path.join(folder, place), { recursive: true });
  execFileSync('tar', ['xf', archive, '-C', path.join(folder, place)]);
  rmSync(archive);
}
