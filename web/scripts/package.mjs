/** Fills dist/, which is what npm packs: the SDK as it is, with declarations, and with the site's Lit for ours. */

import { execFileSync } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { transform } from 'esbuild';

const WEB = path.dirname(import.meta.dirname);
const SDK = `${WEB}/src/web/sdk`;
const DIST = `${WEB}/dist`;
const TSC = `${WEB}/node_modules/typescript/bin/tsc`;

await rm(DIST, { recursive: true, force: true });
await cp(SDK, DIST, { recursive: true, filter: (path) => !path.startsWith(`${SDK}/vendor/`) });
const lit = await readFile(`${SDK}/vendor/lit.d.ts`, 'utf8');
await writeFile(`${DIST}/vendor/lit.d.ts`, lit);
await writeFile(`${DIST}/vendor/lit.js`, (await transform(lit, { loader: 'ts' })).code);
const declarations = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', SDK, '--outDir', DIST];
execFileSync(process.execPath, [TSC, '--project', WEB, ...declarations], { stdio: 'inherit' });
