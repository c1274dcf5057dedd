// npm run docs: writes docs/configuration.md from the schema in src/config.ts. CI runs it and fails on a difference.
import { writeFileSync } from 'node:fs';
import { describeConfig } from '../src/config.js';

const rows = describeConfig().map(
  ({ name, fallback, description }) => `| \`${name}\` | ${fallback} | ${description.replaceAll('|', '\\|')} |`,
);

const page = `# Configuration

<!-- Written by \`npm run docs\` from src/config-schema.ts. -->

Settings are environment variables; a file \`.env\` in the working directory is read as well, and the environment wins.
Durations are written \`90s\`, \`10m\`, \`12h\`, \`14d\`. All faults are reported at once, and a variable that looks like a misspelt
one stops the start. *Development* means: \`NODE_ENV\` is not \`production\` and \`ISSUER\` is a loopback address.

| variable | default | |
|---|---|---|
${rows.join('\n')}
`;
writeFileSync(new URL('../docs/configuration.md', import.meta.url), page);
