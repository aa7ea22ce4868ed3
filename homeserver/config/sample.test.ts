import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig, readConfig } from './load.ts'
import { jsonSchema } from './json-schema.ts'
import { manual, sampleYaml } from './sample.ts'
import { settings } from './settings.ts'

const root = new URL('../../', import.meta.url)
const load = (text: string) => loadConfig({ files: [{ name: 'sample', text }], env: {}, readFile: () => 'x' })

describe('the sample', () => {
  test('config.sample.yaml is what the schema says (else: npm run cli -- sample-config --write)', () => {
    expect(readFileSync(new URL('config.sample.yaml', root), 'utf8')).toBe(sampleYaml())
  })

  test('docs/config.md is what the schema says (else: npm run cli -- sample-config --write)', () => {
    expect(readFileSync(new URL('docs/config.md', root), 'utf8')).toBe(manual())
  })

  test('config.schema.json is what the schema says (else: npm run cli -- sample-config --write)', () => {
    expect(readFileSync(new URL('config.schema.json', root), 'utf8')).toBe(jsonSchema())
  })

  test('stays under 200 lines, none longer than 120', () => {
    const lines = sampleYaml().split('\n')
    expect(lines.length).toBeLessThan(200)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120)
  })

  test('as it stands it sets only the server name', () => {
    const { origins } = readConfig({ files: [{ name: 's', text: sampleYaml() }], env: {}, readFile: () => '' })
    expect([...origins.keys()]).toEqual(['server_name'])
  })

  test('shows the true defaults: with every # removed nothing but the examples changes', () => {
    const examples = settings.filter(({ example }) => example !== undefined).map(({ path }) => path.at(-1))
    const uncommented = sampleYaml()
      .split('\n')
      .filter((line) => !examples.some((name) => line.trimStart().startsWith(`#${name}:`)))
      .map((line) => line.replace(/^( *)#(?=[a-z])/, '$1'))
      .join('\n')
    // the default of the profile is not the default of the schema
    const sample = load(uncommented.replace('preset: normal', 'preset: lan'))
    expect(sample).toEqual(load(sampleYaml()))
  })

  test('every setting is explained in the sample or, if it is a secret, in the manual', () => {
    for (const { path, key, secret, description, isSection, reloads } of settings) {
      expect(`${key}: ${description.length > 8}`).toBe(`${key}: true`)
      if (!secret) expect(sampleYaml()).toMatch(new RegExp(`^ *#?${path.at(-1)}:`, 'm'))
      if (!isSection) expect(manual()).toContain(`| \`${key}\`${reloads ? ' ↻' : ''} |`)
    }
  })
})

describe('the schema for editors', () => {
  const editor = z.fromJSONSchema(JSON.parse(jsonSchema()) as Parameters<typeof z.fromJSONSchema>[0])
  const accepts = (text: string): boolean => editor.safeParse(parse(text)).success

  test('takes the sample, as it stands and with every # removed', () => {
    expect(accepts(sampleYaml())).toBe(true)
    const uncommented = sampleYaml().replaceAll(/^( *)#(?=[a-z]\S*: *[^ #\n])/gm, '$1')
    expect(uncommented).toContain('\n  port: 8008')
    expect(editor.safeParse(parse(uncommented)).error).toBeUndefined()
  })

  test.each([
    'media: { max_uplod: 1MiB }',
    'presence: ful',
    'listen: { port: "80" }',
    'auth: { lockout_time: "15" }',
    'server_name: https://a.b',
    'telegram: { login: { mode: of } }',
  ])('refuses %s', (text) => {
    expect(accepts(text)).toBe(false)
  })

  test('knows every setting, and has no words of ours for them', () => {
    for (const { path } of settings) {
      const node = path.reduce((above, name) => above.properties[name], JSON.parse(jsonSchema()) as any) // eslint-disable-line
      expect(node).toMatchObject({ description: expect.any(String) })
      expect(Object.keys(node)).not.toEqual(expect.arrayContaining(['otherwise']))
    }
  })
})
