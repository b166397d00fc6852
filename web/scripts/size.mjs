/** Prints, gzipped, what a site's own bundle grows by with the SDK and Lit, and what all files of the SDK are from the gateway. */

import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const SDK = fileURLToPath(new URL('../src/web/sdk', import.meta.url));

/** All that an English reader may load: what is imported on demand counts too, other languages do not. */
async function bundled() {
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
  const foreign = Object.entries(metafile.outputs)
    .filter(([, { entryPoint }]) => entryPoint?.startsWith('locales/'))
    .map(([path]) => `${SDK}/${path}`);
  return outputFiles.filter(({ path }) => !foreign.includes(path)).reduce(gzipped, 0);
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

console.log(JSON.stringify({ bundled: await bundled(), served: await served() }));
