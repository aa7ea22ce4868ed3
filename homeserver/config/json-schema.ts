/** `config.schema.json`: the schema as editors understand it, for completion and hints while somebody writes a file. */
import { z } from 'zod'
import { schema } from './schema.ts'

/** What the first line of a file of settings says, so that editors find the schema beside it. */
export const editorHint = '# yaml-language-server: $schema=./config.schema.json'

export function jsonSchema(): string {
  const written = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    // What only code can check, an editor takes as it is.
    unrepresentable: 'any',
    override: ({ jsonSchema: node }) => edit(node as Node), // with the words of our own metadata
  })
  return `${JSON.stringify({ title: 'Settings of Domovoi', ...written }, null, 2)}\n`
}

type Node = z.core.JSONSchema.BaseSchema & Record<'example' | 'otherwise' | 'secret' | 'reloads', unknown>

/** Our own hints in the words of JSON Schema. */
function edit(node: Node): void {
  const { example, otherwise, description } = node
  if (typeof example === 'string') node.examples = [example]
  if (typeof otherwise === 'string') node.description = `${description} If left out: ${otherwise}.`
  for (const word of ['example', 'otherwise', 'secret', 'reloads'] as const) delete node[word]
  // A section whose settings are all commented out is empty, and sets nothing.
  if (node.type === 'object' && node.default !== undefined) {
    delete node.default
    Object.assign(node, { type: ['object', 'null'] })
  }
}
