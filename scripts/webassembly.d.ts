/** The three names of the WebAssembly JavaScript interface that scripts/schema-engine.ts uses; @types/node leaves them to lib.dom. */
declare namespace WebAssembly {
  type ModuleImports = Record<string, unknown>;
  type Instance = { readonly exports: Record<string, unknown> };
  function instantiate(
    bytes: Uint8Array,
    imports: Record<string, ModuleImports>,
  ): Promise<{ readonly instance: Instance }>;
}
