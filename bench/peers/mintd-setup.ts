// An installation of mintd to be measured, with everybody whom bench/peers/mintd-sqlite.json speaks of: mintd-setup.ts FOLDER.
import { mkdir, rm } from 'node:fs/promises';
import { addPeople } from '../subjects.js';

const [, , folder] = process.argv;
if (folder === undefined) throw new Error('say into which folder');
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await addPeople({ folder });
