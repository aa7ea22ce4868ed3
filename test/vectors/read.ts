/**
 * Reads the test vectors described in README.md, from the folder named by VECTORS_DIR or from this one.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseJson } from '../../homeserver/core/canonical-json.ts'

const folder = process.env['VECTORS_DIR'] ?? import.meta.dirname

/**
 * The cases of one suite, such as `auth`. Numbers are exact: an integer beyond ±(2^53-1) is a BigInt, and a literal
 * like `50.0` is a NumberLiteral (see `parseJson`), so that ids hashed from these events come out right.
 */
export function readCases<Case>(suite: string): Case[] {
  const lines = readFileSync(join(folder, `${suite}.jsonl`), 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => parseJson(line) as Case)
}

/** A whole JSON document beside the suites, such as `push_default_rules`. */
export function readDocument<Document>(name: string): Document {
  return parseJson(readFileSync(join(folder, `${name}.json`), 'utf8')) as Document
}
