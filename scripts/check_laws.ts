/**
 * The laws that the compiler does not know, as a plugin of `deno lint`: who may import whom in `src/`, that runtime
 * names stay at home, and that a module has neither state nor a default export.
 */

/**
 * What each part of the library may import besides its own files; anything not listed is forbidden.
 *
 * A part is a file, or a folder with all that is in it but the files listed by name.
 */
const mayImport: { readonly [part: string]: readonly string[] } = {
  "src/errors.ts": [],
  "src/options.ts": [],
  "src/version.ts": [],
  "src/protocol/": ["src/errors.ts"],
  "src/cgi/": ["src/errors.ts"],
  "src/streams/": ["src/protocol/", "src/errors.ts"],
  "src/runtime/transport.ts": [],
  "src/runtime/files.ts": [],
  "src/runtime/clock.ts": [],
  "src/runtime/address.ts": [],
  "src/runtime/": [
    "src/runtime/transport.ts",
    "src/runtime/files.ts",
    "src/runtime/clock.ts",
    "src/runtime/address.ts",
    "src/errors.ts",
  ],
  "src/connection/": ["src/protocol/", "src/runtime/transport.ts", "src/runtime/clock.ts", "src/errors.ts"],
  "src/fetch/": ["src/cgi/", "src/connection/", "src/errors.ts"],
  "src/server/": [
    "src/protocol/",
    "src/cgi/",
    "src/connection/",
    "src/fetch/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/runtime/clock.ts",
    "src/options.ts",
    "src/errors.ts",
  ],
  "src/client/": [
    "src/protocol/",
    "src/cgi/",
    "src/connection/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/runtime/clock.ts",
    "src/options.ts",
    "src/errors.ts",
  ],
  "src/bridge/": ["src/client/", "src/cgi/", "src/runtime/files.ts", "src/options.ts", "src/errors.ts"],
  "src/config/site.ts": ["src/options.ts", "src/runtime/address.ts"],
  "src/config/": ["src/config/site.ts", "src/options.ts", "src/runtime/address.ts"],
  // The composition roots: they choose the transport, so that what they put together need not know of it.
  "src/serve.ts": [
    "src/server/",
    "src/fetch/",
    "src/listen.ts",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/runtime/clock.ts",
    "src/options.ts",
    "src/version.ts",
    "src/errors.ts",
  ],
  "src/cgi_process.ts": ["src/protocol/", "src/cgi/", "src/runtime/", "src/runtime/transport.ts"],
  "src/listen.ts": [
    "src/cgi_process.ts",
    "src/server/",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
  ],
  "src/client.ts": [
    "src/client/",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/errors.ts",
  ],
  "src/bridge.ts": ["src/bridge/", "src/client/", "src/runtime/", "src/runtime/files.ts", "src/errors.ts"],
  "src/config.ts": ["src/config/", "src/config/site.ts"],
  "src/codec.ts": ["src/protocol/", "src/streams/", "src/errors.ts"],
  "src/cli/": [
    "src/serve.ts",
    "src/listen.ts",
    "src/client.ts",
    "src/bridge.ts",
    "src/codec.ts",
    "src/config.ts",
    "src/config/site.ts",
    "src/server/",
    "src/client/",
    "src/connection/",
    "src/cgi/",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/runtime/address.ts",
    "src/runtime/clock.ts",
    "src/options.ts",
    "src/version.ts",
    "src/errors.ts",
  ],
  "mod.ts": [
    "src/serve.ts",
    "src/server/",
    "src/fetch/",
    "src/cgi/",
    "src/runtime/",
    "src/runtime/transport.ts",
    "src/errors.ts",
  ],
};

/** Files that hold nothing but `export … from`. */
const onlyReExports: readonly string[] = ["mod.ts", "src/codec.ts", "src/config.ts"];

/** The homes of what differs by runtime; the command line is a program, and the process is its business. */
const runtimeHomes: readonly string[] = ["src/runtime/", "src/fetch/", "src/cli/"];

/** Imports what the command line names. */
const loadsPrograms = "src/cli/entry.ts";

/** Globals that only some runtimes have, or that are not the same on all. */
const runtimeNames = new Set(["Deno", "Bun", "process", "Buffer", "require", "setImmediate", "navigator"]);

const root = decodeURI(new URL("..", import.meta.url).pathname);

/** The path in the checkout of a module that is under the laws; `undefined` for tests and scripts. */
function lawfulPath(filename: string): string | undefined {
  const path = filename.replace(root, "");
  return path === "mod.ts" || path.startsWith("src/") ? path : undefined;
}

/** The part of the library that a path belongs to: the longest match in the table. */
function partOf(path: string): string | undefined {
  return Object.keys(mayImport)
    .filter((part) => part.endsWith("/") ? path.startsWith(part) : path === part)
    .sort((a, b) => b.length - a.length)[0];
}

/** What is wrong with an import of `name` by a module; `undefined` if nothing is. */
function importFault(path: string, name: string): string | undefined {
  const part = partOf(path) ?? "";
  if (!name.startsWith(".")) {
    const isAllowed = name.startsWith("node:") && runtimeHomes.some((home) => path.startsWith(home));
    return isAllowed ? undefined : `may not import ${name}`;
  }
  const target = new URL(name, `file:///${path}`).pathname.slice(1);
  const targetPart = partOf(target);
  const isAllowed = targetPart !== undefined && (targetPart === part || mayImport[part]?.includes(targetPart));
  return isAllowed ? undefined : `may not import ${target}`;
}

type Visitor = Deno.lint.LintVisitor;
type Context = Deno.lint.RuleContext;

/** A rule for the modules under the laws. */
function rule(create: (path: string, context: Context) => Visitor): Deno.lint.Rule {
  return {
    create(context): Visitor {
      const path = lawfulPath(context.filename);
      return path === undefined ? {} : create(path, context);
    },
  };
}

const imports = rule((path, context) => {
  const check = (node: Deno.lint.Node, source: Deno.lint.Node | null): void => {
    if (source === null) return;
    const name = source.type === "Literal" && typeof source.value === "string" ? source.value : undefined;
    const message = name === undefined ? "imports what only running it tells" : importFault(path, name);
    if (message !== undefined) context.report({ node, message });
  };
  return {
    Program(node): void {
      if (partOf(path) === undefined) {
        context.report({ node, message: `no part of the library in the table is ${path}` });
      }
      const reference = /^\/\/\/\s*<reference.*/m.exec(context.sourceCode.text);
      if (reference) context.report({ node, message: `may not have ${reference[0]}` });
    },
    ImportDeclaration: (node): void => check(node, node.source),
    ExportAllDeclaration: (node): void => check(node, node.source),
    ExportNamedDeclaration: (node): void => check(node, node.source),
    ImportExpression(node): void {
      if (path !== loadsPrograms) check(node, node.source);
    },
    TSImportType: ({ argument }): void =>
      check(argument, argument.type === "TSLiteralType" ? argument.literal : argument),
    TSExternalModuleReference: (node): void => check(node, node.expression),
  };
});

const modules = rule((path, context) => ({
  Program({ body }): void {
    for (const node of body) {
      const isReExport = node.type === "ExportAllDeclaration" || node.type === "ExportNamedDeclaration" && node.source;
      if (onlyReExports.includes(path) && !isReExport) context.report({ node, message: "may only re-export" });
      const declaration = node.type === "ExportNamedDeclaration" ? node.declaration : node;
      if (declaration?.type === "VariableDeclaration" && declaration.kind !== "const") {
        context.report({ node, message: "keeps state in a module" });
      }
    }
  },
  ExportDefaultDeclaration: (node): void => context.report({ node, message: "has a default export" }),
}));

/** Finds the names as globals, as members of `globalThis` and as strings that could index it, not as other members. */
const runtimeNamesAtHome = rule((path, context) => {
  if (runtimeHomes.some((home) => path.startsWith(home))) return {};
  const report = (node: Deno.lint.Node, name: string): void =>
    context.report({ node, message: `mentions ${name}, a runtime's name, outside ${runtimeHomes.join(" and ")}` });
  return {
    Identifier(node): void {
      if (!runtimeNames.has(node.name)) return;
      const { parent } = node;
      const isMember = parent.type === "MemberExpression" && parent.property === node && !parent.computed &&
        !/^\W*(globalThis|self|window|global)\b/.test(context.sourceCode.getText(parent.object));
      if (!isMember && !("key" in parent && parent.key === node)) report(node, node.name);
    },
    Literal(node): void {
      if (typeof node.value === "string" && runtimeNames.has(node.value)) report(node, node.value);
    },
    TemplateElement(node): void {
      if (runtimeNames.has(node.cooked)) report(node, node.cooked);
    },
  };
});

const plugin: Deno.lint.Plugin = {
  name: "laws",
  rules: { imports, modules, "runtime-names": runtimeNamesAtHome },
};
// How a plugin of `deno lint` is given.
export default plugin;
