import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { endpoints } from '../../homeserver/http/endpoints.ts'
import { renderEndpoints } from './endpoints-doc.ts'

test('docs/endpoints.md says what the declarations say', () => {
  const doc = readFileSync(new URL('../../docs/endpoints.md', import.meta.url), 'utf8')
  expect(doc).toBe(renderEndpoints())
})

test('no path is declared twice for the same method', () => {
  const seen = endpoints.flatMap(({ method, paths }) => paths.map((path) => `${method} ${path}`))
  expect(seen.filter((path, index) => seen.indexOf(path) !== index)).toEqual([])
})
