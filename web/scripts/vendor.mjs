/** Writes Lit's templates as one file, with what vendor/lit.d.ts names of it and its licence beside it: vendor.mjs [FOLDER] */

import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';

const WEB = path.dirname(import.meta.dirname);
const VENDOR = `${WEB}/src/web/sdk/vendor`;
const LIT = `${WEB}/node_modules/lit-html`;

const folder = path.resolve(process.argv[2] ?? VENDOR);
const { version } = JSON.parse(await readFile(`${LIT}/package.json`, 'utf8'));
await mkdir(folder, { recursive: true });
await copyFile(`${LIT}/LICENSE`, `${folder}/lit.LICENSE.txt`);
await build({
  absWorkingDir: WEB,
  entryPoints: [`${VENDOR}/lit.d.ts`],
  outfile: `${folder}/lit.js`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none', // The banner says it.
  banner: { js: `/*! lit-html ${version}, Copyright 2017 Google LLC, BSD-3-Clause: see lit.LICENSE.txt */` },
});
