import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';

/** One import of one file: what it names, and whether nothing but types come over. */
export type Import = { readonly specifier: string; readonly names: readonly string[]; readonly isTypeOnly: boolean };

/** What a layer may import of the others: everything, types alone, or (not named) nothing. */
type Allowed = Readonly<Record<string, 'all' | 'types'>>;

/** The table of ARCHITECTURE.md. */
const LAYERS: Readonly<Record<string, Allowed>> = {
  oauth: {},
  passwords: { oauth: 'all' },
  store: { oauth: 'all' },
  keys: { oauth: 'all' },
  accounts: { oauth: 'all', passwords: 'types', store: 'types', keys: 'types' },
  grants: { oauth: 'all', accounts: 'all', passwords: 'types', store: 'types', keys: 'types' },
  tokens: { oauth: 'all', store: 'types', keys: 'types' },
  http: {
    oauth: 'all',
    accounts: 'all',
    passwords: 'types',
    store: 'types',
    keys: 'types',
    grants: 'all',
    tokens: 'all',
  },
  cli: { oauth: 'all', accounts: 'all', passwords: 'all', store: 'all', keys: 'all' },
};

/** Packages that only one folder knows, so that they can be replaced there. Files outside of any folder put all together. */
const OWNERS: readonly (readonly [pattern: RegExp, owner: string])[] = [
  [/^(@prisma\/|better-sqlite3$|pg$)/, 'store'],
  [/^jose$/, 'keys'],
  [/^(bcrypt|piscina|@zxcvbn-ts\/.*)$/, 'passwords'],
  [/^(fastify|@fastify\/.*|prom-client|fresh)$/, 'http'],
  [/^(commander|@inquirer\/.*|cli-table3|cli-progress|csv-parse(\/.*)?)$/, 'cli'],
];

/** Folders that do things in order, with what they are handed. */
const FLOWS = new Set(['grants', 'tokens', 'accounts']);

/** The only functions of Node that the rules may call: they compute, and neither read nor guess. */
const PURE = new Set(['createHash', 'createHmac', 'hash', 'timingSafeEqual']);

/** Every TypeScript file below a folder, generated ones aside. */
export function sourceFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'generated' ? [] : sourceFiles(path);
    return /(?<!\.d)\.ts$/.test(entry.name) ? [path] : [];
  });
}

/** All imports and re-exports of a file's text, `import()` among them. */
export function importsOf(text: string): readonly Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      found.push(declared(node, node.moduleSpecifier));
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push({ specifier: textOf(node.arguments[0]), names: ['*'], isTypeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

function declared(node: ts.ImportDeclaration | ts.ExportDeclaration, specifier: ts.Expression): Import {
  const clause = ts.isImportDeclaration(node) ? node.importClause : node;
  const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause;
  const isList = bindings !== undefined && (ts.isNamedImports(bindings) || ts.isNamedExports(bindings));
  const elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[] = isList ? [...bindings.elements] : [];
  const hasDefault = ts.isImportDeclaration(node) && node.importClause?.name !== undefined;
  const allTypes = elements.length > 0 && !hasDefault && elements.every((element) => element.isTypeOnly);
  return {
    specifier: textOf(specifier),
    names: isList ? elements.map((element) => (element.propertyName ?? element.name).text) : ['*'],
    isTypeOnly: clause?.isTypeOnly === true || allTypes,
  };
}

function textOf(node: ts.Node | undefined): string {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : '';
}

/** The folder below src a path lies in; null for the files that put everything together. */
function layerOf(path: string): string | null {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? null;
}

/** What a file may not import, a sentence each. */
export function violations(path: string, text: string): readonly string[] {
  const layer = layerOf(path);
  if (layer === null) return [];
  const allowed = LAYERS[layer];
  if (allowed === undefined) return [`${path} is in a folder that the table does not know`];
  return importsOf(text).flatMap((one) => {
    const fault = one.specifier.startsWith('.')
      ? faultOfOwn(layer, allowed, normalize(join(dirname(path), one.specifier)), one)
      : faultOfPackage(layer, one);
    return fault === null ? [] : [`${path} imports ${one.specifier}: ${fault}`];
  });
}

function faultOfOwn(layer: string, allowed: Allowed, target: string, { isTypeOnly }: Import): string | null {
  const other = layerOf(target);
  if (other === layer) return null;
  if (other === null) return 'no layer knows the files that put all together';
  const may = allowed[other];
  if (may === undefined) return `${layer} must not know ${other}`;
  return may === 'all' || isTypeOnly ? null : `${layer} may know only the types of ${other}`;
}

function faultOfPackage(layer: string, { specifier, names }: Import): string | null {
  if (layer === 'oauth') {
    const isPure = specifier === 'node:crypto' && names.every((name) => PURE.has(name));
    return isPure ? null : 'the rules are pure';
  }
  if (FLOWS.has(layer)) return 'the flows are handed everything they need';
  const owner = OWNERS.find(([pattern]) => pattern.test(specifier))?.[1];
  return owner === undefined || owner === layer ? null : `only ${owner} knows it`;
}

/** A file's text. */
export function read(path: string): string {
  return readFileSync(path, 'utf8');
}
