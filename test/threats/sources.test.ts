/** What holds for all of our sources, and for all packages. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = new URL('../..', import.meta.url).pathname
const sources = globSync(['homeserver/**/*.ts', 'bridges/**/*.ts', 'migrations/*.ts'], { cwd: root })
  .filter((name) => !name.endsWith('.test.ts') && !name.includes('node_modules'))
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }))
const read = (name: string): string => readFileSync(join(root, name), 'utf8')

const filesWith = (pattern: RegExp): string[] =>
  sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name)

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly hasInstallScript?: boolean; readonly integrity?: string; readonly link?: boolean }>
  >
}

test('T96: packages are exact, are what they were when they were chosen, and run nothing when they are installed', () => {
  const { dependencies, devDependencies, optionalDependencies, allowScripts, scripts } = JSON.parse(
    read('package.json'),
  ) as Record<string, Record<string, string | boolean>>
  const named = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
  expect(named.filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$|^file:bridges\//.test(String(version)))).toEqual(
    [],
  )
  expect(Object.keys(dependencies ?? {}).length).toBeLessThanOrEqual(60)

  const { packages } = JSON.parse(read('package-lock.json')) as Lock
  const installed = Object.entries(packages).filter(([path]) => path.startsWith('node_modules/'))
  expect(installed.length).toBeGreaterThan(200)
  expect(installed.filter(([, { link, integrity }]) => link !== true && integrity === undefined)).toEqual([])
  const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const withScripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path))
  expect(withScripts.filter((name) => allowScripts?.[name] === undefined)).toEqual([])
  const allowed = Object.keys(allowScripts ?? {}).filter((name) => allowScripts?.[name] === true)
  expect(allowed).toEqual(['node', 'sqlite3'])
  const own = ['preinstall', 'install', 'postinstall', 'prepare']
  expect(Object.keys(scripts ?? {}).filter((name) => own.includes(name))).toEqual([])
})

test('T97: no text becomes a program, and prototypes cannot be reached by their old name', () => {
  expect(sources.length).toBeGreaterThan(300)
  expect(filesWith(/\beval\(|new Function\(|from 'node:vm'/)).toEqual([])
  for (const start of ['docker/Dockerfile', 'docker/systemd/domovoi.service']) {
    expect(`${start} ${read(start).includes('--disable-proto=throw')}`).toBe(`${start} true`)
  }
})

test('T100: chance comes from the system and time from the clock that is passed in', () => {
  expect(filesWith(/Math\.random/)).toEqual([])
  expect(filesWith(/Date\.now\(\)/)).toEqual(['homeserver/platform/clock.ts'])
})
