/** Dot-separated paths to properties of events. https://spec.matrix.org/v1.19/appendices/#dot-separated-property-paths */
import { isJsonObject } from './canonical-json.ts'
import type { Json, JsonObject } from './event.ts'

/** The property names of a path: `content.m\.mentions` has two. */
export function parsePropertyPath(path: string): readonly string[] {
  const names: string[] = []
  let name = ''
  for (let at = 0; at < path.length; at += 1) {
    const character = path.charAt(at)
    const next = path.charAt(at + 1)
    if (character === '.') {
      names.push(name)
      name = ''
    } else if (character === '\\' && (next === '.' || next === '\\')) {
      name += next
      at += 1
    } else {
      name += character
    }
  }
  return [...names, name]
}

/** The value at a path, or undefined if there is none. Lists have no properties. */
export function valueAt(object: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = object
  for (const name of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}
