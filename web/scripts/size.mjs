/** Prints, gzipped, what a site's own bundle grows by with the SDK and Lit, and what all files of the SDK are from the gateway. */

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const SDK = `${path.dirname(import.meta.dirname)}/src/web/sdk`;

/**
 * `bundled`: all that an English reader may come to load, parts that wait for a panel to be opened included.
 * `start`: what of it a page loads before anything is opened.
 */
async function bundles() {
  const { metafile, outputFiles } = await build({
    stdin: { contents: `export * from './client.js'; export * from './elements.js';`, resolveDir: SDK },
    absWorkingDir: SDK,
    outdir: 'out',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    write: false,
    metafile: true,
  });
  const english = Object.keys(metafile.outputs).filter((name) => !isLanguage(metafile.outputs[name]));
  const sizeOf = (names) => outputFiles.filter((file) => names.has(path.relative(SDK, file.path))).reduce(gzipped, 0);
  return { start: sizeOf(closure(metafile.outputs, 'out/stdin.js')), bundled: sizeOf(new Set(english)) };
}

function isLanguage({ entryPoint }) {
  return entryPoint?.startsWith('locales/') ?? false;
}

/** What is loaded with an output, itself included. */
function closure(outputs, name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const next of outputs[name].imports) if (next.kind === 'import-statement') closure(outputs, next.path, found);
  return found;
}

async function served() {
  const names = (await readdir(SDK, { recursive: true })).filter((name) => name.endsWith('.js'));
  const files = await Promise.all(names.map(async (name) => ({ contents: await readFile(`${SDK}/${name}`) })));
  return files.reduce(gzipped, 0);
}

/** @param {number} sum @param {{contents: Uint8Array}} file */
function gzipped(sum, { contents }) {
  return sum + gzipSync(contents, { level: 9 }).length;
}

console.log(JSON.stringify({ ...(await bundles()), served: await served() }));
