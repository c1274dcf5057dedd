// After a build: makes `npx mintd` work in this folder. npm links a package's own command only where it is installed.
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';

chmodSync('dist/main.js', 0o755);
mkdirSync('node_modules/.bin', { recursive: true });
rmSync('node_modules/.bin/mintd', { force: true });
symlinkSync('../../dist/main.js', 'node_modules/.bin/mintd');
