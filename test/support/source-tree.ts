import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');

/**
 * The sources of the product: for each path, the paths that it imports. Paths start at the root.
 */
export type SourceTree = ReadonlyMap<string, readonly string[]>;

/** Reads the imports of `src/`, `lambda/` and `infra/`. */
export async function readSourceTree(): Promise<SourceTree> {
  const tree = new Map<string, string[]>();
  for await (const file of glob('{src,lambda,infra}/**/*.ts', { cwd: ROOT })) {
    const { importedFiles } = ts.preProcessFile(sourceText(file));
    const own = importedFiles
      .map(({ fileName }) => fileName)
      .filter((name) => /^\.\.?\//.test(name));
    tree.set(
      file,
      own.map((name) => normalize(join(dirname(file), name))),
    );
  }
  return tree;
}

export function sourceText(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The words in a source's string literals, templates and property names; comments do not count. */
export function wordsIn(file: string): readonly string[] {
  const words: string[] = [];
  const visit = (node: ts.Node): void => {
    const isText =
      ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) || isPropertyName(node);
    if (isText) words.push(...node.text.split(/[^\w.-]+|\.+$|\.\s/));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, sourceText(file), ts.ScriptTarget.Latest, true));
  return words;
}

function isPropertyName(node: ts.Node): node is ts.Identifier {
  return ts.isIdentifier(node) && ts.isPropertyAssignment(node.parent) && node.parent.name === node;
}

/** Groups of files that import each other, directly or through other files (Tarjan's algorithm). */
export function circles(tree: SourceTree): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): number => {
    const at = order.size;
    order.set(file, at);
    stack.push(file);
    let least = at;
    for (const next of tree.get(file) ?? []) {
      if (!order.has(next)) least = Math.min(least, visit(next));
      else if (stack.includes(next)) least = Math.min(least, order.get(next) ?? at);
    }
    low.set(file, least);
    if (least === at) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1) found.push(group);
    }
    return least;
  };
  for (const file of tree.keys()) if (!order.has(file)) visit(file);
  return found;
}

/** The folder of a file, from the root. */
export function folderOf(file: string): string {
  return dirname(file);
}
