/** README, docs/ and their like lead nowhere that is not there, and name no command that does not exist. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { commands } from '../../homeserver/cli/commands.ts'

const root = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const inDocs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'element-config/README.md',
  ...inDocs.map((name) => `docs/${name}`),
]

/** Of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

const anchorsOf = (page: string): string[] =>
  [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

const manual = read('docs/config.md')
const settings = [...manual.matchAll(/^\| `([\w.]+)`/gm)].map(([, path = '']) => path)
const sections = new Set(settings.map((path) => path.split('.')[0] ?? ''))

describe.each(pages)('%s', (page) => {
  const text = read(page)

  test('every link leads to a file, and to a heading in it', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(([, a, b]) => a ?? b ?? '')
    const broken = links
      .filter((link) => !/^\w+:/.test(link))
      .filter((link) => {
        const [path = '', anchor] = link.split('#')
        const target = path === '' ? page : relative(root, join(root, dirname(page), path))
        return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
      })
    expect(broken).toEqual([])
  })

  test('every command is one', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
    const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name)
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
    const files = [...text.matchAll(/\bnode ((?:test|homeserver)\/\S+\.ts)/g)].map(([, path = '']) => path)
    expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  test('every setting is one', () => {
    if (page === 'docs/config.md') return // made from them
    const named = [...text.matchAll(/`([a-z_]+)((?:\.[a-z_\d]+)+)(?:: [^`]*)?`/g)]
      .filter(([, section = '', rest = '']) => sections.has(section) && !/\.(?:json|ts|ya?ml)$/.test(rest))
      .map(([, section = '', rest = '']) => section + rest)
    expect(named.filter((name) => !settings.some((path) => path === name || path.startsWith(`${name}.`)))).toEqual([])
    const variables = [...text.matchAll(/\bDOMOVOI_[A-Z\d_]+(?![A-Z\d_…])/g)].map(([name]) => name)
    expect(variables.filter((name) => !name.endsWith('_') && !manual.includes(`\`${name}\``))).toEqual([])
  })

  test('every command of our own is one, and takes these options', async () => {
    for (const [line, name = '', rest = ''] of text.matchAll(/\bnpm run cli -- ([a-z][\w-]*)([^`\n#|]*)/g)) {
      const command = await commands[name]?.load()
      const taken = command && [...Object.keys(command.options ?? {}), 'config', 'help']
      const given = [...rest.matchAll(/(?<=\s)--([\w-]+)/g)].map(([, option]) => option)
      expect({ line, taken }).toEqual({ line, taken: expect.arrayContaining(given) })
    }
  })
})

test('docs/README.md names every page', () => {
  const index = read('docs/README.md')
  expect(inDocs.filter((name) => name !== 'README.md' && !index.includes(`](${name}`))).toEqual([])
})

test('the pictures are few and small, and each is shown', () => {
  const all = pages.map(read).join('\n')
  const names = readdirSync(join(root, 'docs/pictures'))
  const sizes = names.map((name) => statSync(join(root, 'docs/pictures', name)).size)
  expect(names.filter((name) => !all.includes(`pictures/${name}`))).toEqual([])
  expect(Math.max(...sizes)).toBeLessThan(80_000)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000)
})
