/** Jest runs this once, after all tests. After a whole run it tells which answers of the specification none of them has seen. */
import { readdirSync, rmSync } from 'node:fs'
import { gatheredIn, operationNames } from './answers.ts'

interface Run {
  readonly testNamePattern?: string
  readonly testPathPatterns: { readonly patterns: readonly string[] }
}

export default function tellUnseenAnswers({ testNamePattern, testPathPatterns }: Run): void {
  const directory = process.env[gatheredIn]
  if (!directory) return
  const seen = new Set(readdirSync(directory).map(decodeURIComponent))
  rmSync(directory, { recursive: true })
  const isWhole = !testNamePattern && testPathPatterns.patterns.length === 0
  if (!isWhole && process.env['UNSEEN_ANSWERS'] === undefined) return
  const all = operationNames()
  const unseen = all.filter((name) => !seen.has(name))
  process.stderr.write(`${all.length - unseen.length} of ${all.length} answers of the specification were looked at\n`)
  for (const name of unseen) process.stderr.write(`  never: ${name}\n`)
}
