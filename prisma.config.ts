import { defineConfig } from 'prisma/config';

// `prisma generate` insists on finding a native schema engine although it never runs it. Naming any executable keeps
// generation offline; mintd applies migrations itself (src/store/run-migrations.ts).
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;

export default defineConfig({});
