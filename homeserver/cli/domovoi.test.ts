import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { sampleYaml } from '../config/sample.ts'

const program = fileURLToPath(new URL('domovoi.ts', import.meta.url))
let cwd = ''

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'domovoi-cli-'))
})

afterAll(() => rm(cwd, { recursive: true, force: true }))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function cli(...args: string[]): Promise<Ended> {
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { cwd, env: {} }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
    child.stdin?.end('a password\n')
  })
}

test('help tells the commands and the exit codes', async () => {
  const [overview, named] = await Promise.all([cli(), cli('migrate', '--help')])
  expect(overview.stdout).toMatch(
    /register-user .*\n(.*\n)*.*Exit codes: 0 done, 1 failed, 64 wrong arguments, 78 wrong/,
  )
  expect(named.stdout).toMatch(/^Usage: npm run cli -- migrate \[--dry-run\]/)
})

test('mistakes in the arguments are told with the usage: 64', async () => {
  expect(await cli('migrat')).toMatchObject({ code: 64, stderr: expect.stringContaining('did you mean migrate?') })
  expect(await cli('migrate', '--dry')).toMatchObject({ code: 64, stderr: expect.stringContaining("'--dry'") })
  expect(await cli('register-user')).toMatchObject({ code: 64, stderr: expect.stringContaining('One NAME') })
  expect(await cli('config')).toMatchObject({ code: 64, stderr: expect.stringContaining('check or show?') })
})

test('sample-config prints the sample', async () => {
  expect(await cli('sample-config')).toEqual({ code: 0, stdout: sampleYaml(), stderr: '' })
})

test('config check tells every mistake: 78', async () => {
  await writeFile(join(cwd, 'bad.yaml'), 'presense: off\nlisten: { port: http }\n')
  expect(await cli('config', 'check', '-c', 'bad.yaml')).toEqual({
    code: 78,
    stdout: '',
    stderr:
      'bad.yaml:1:1  presense: unknown key; did you mean presence?\n' +
      'bad.yaml:2:11  listen.port: a whole number from 0 to 65535 expected, not "http"\n',
  })
  expect((await cli('config', 'check')).code).toBe(0)
})

test('config show tells where a setting comes from, and no secret', async () => {
  await writeFile(
    join(cwd, 'good.yaml'),
    'server_name: example.org\ndatabase: { url: "postgres://me:hunter2@db/x" }\nregistration: { shared_secret: hunter2 }\n',
  )
  const set = await cli('config', 'show', '-c', 'good.yaml')
  expect(set.stdout.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
    'server_name: example.org # good.yaml:1:1',
    'database.url: postgres://me:…@db/x # good.yaml:2:13',
    'registration.shared_secret: "[redacted]" # good.yaml:3:17',
    '',
  ])
  const all = await cli('config', 'show', '--effective', '-c', 'good.yaml')
  expect(all.stdout).toMatch(/^listen\.port: 8008 +# default$/m)
  expect(all.stdout).not.toContain('hunter2')
})

test('migrate --dry-run shows the statements, migrate runs them once', async () => {
  expect(await cli('migrate', '--dry-run')).toMatchObject({ code: 1, stderr: expect.stringContaining('CANTOPEN') })
  await writeFile(join(cwd, 'here.yaml'), 'database: { url: "sqlite:here.db" }\n')
  expect((await cli('migrate', '--dry-run', '-c', 'here.yaml')).stdout).toMatch(
    /create table events[^]*Schema 0 → \d+ would be/,
  )
  expect((await cli('migrate', '-c', 'here.yaml')).stdout).toMatch(/^Schema 0 → \d+: 0001_/)
  expect((await cli('migrate', '-c', 'here.yaml')).stdout).toMatch(/^Nothing to do: the database has schema \d+\n$/)
})

test('without a server there is nothing to register with', async () => {
  expect(await cli('register-user', 'alice')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'There is no server here yet: start it once with  npm start\n',
  })
})
