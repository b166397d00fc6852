// Reads one AsyncAPI document and says what AsyncAPI's own parser has against it; warnings count.
import { readFile } from 'node:fs/promises';
import { argv, exit } from 'node:process';

import { Parser } from '@asyncapi/parser';

const WARNING = 1; // Below come errors; above it information, such as that there is a newer version.

const { document, diagnostics } = await new Parser().parse(await readFile(argv[2], 'utf8'));

const faults = diagnostics.filter(({ severity }) => severity <= WARNING);
for (const { code, path, message } of faults) console.error(`${code} at ${path.join('.')}: ${message}`);
if (document === undefined || faults.length > 0) exit(1);

console.log(`${document.channels().length} channels, ${document.operations().length} operations`);
