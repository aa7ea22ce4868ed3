/** What is in docker/: every file is read by the program that it is for, or by our own eyes where that is a service. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { observeBackups } from '../../homeserver/backup/schedule.ts'
import { loadConfig } from '../../homeserver/config/load.ts'
import type { Config } from '../../homeserver/config/schema.ts'
import { livekitConfig } from '../../homeserver/domain/rtc/livekit-config.ts'
import { Secret } from '../../homeserver/platform/secret.ts'
import { hasOpenssl, makeCertificate } from '../support/certificates.ts'
import { FakeSfu } from '../support/fake-sfu.ts'
import { FakeTelegram } from '../support/fake-telegram/fake-telegram.ts'
import { startServer } from '../support/server.ts'

const docker = new URL('../../docker/', import.meta.url).pathname
const read = (name: string): string => readFileSync(join(docker, name), 'utf8')
const place = mkdtempSync(join(tmpdir(), 'domovoi-docker-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

interface Service {
  readonly image?: string
  readonly build?: object
  readonly environment?: Readonly<Record<string, string>>
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly mem_limit?: string
  readonly volumes?: readonly string[]
  readonly networks?: readonly string[]
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes?: object
  readonly networks?: object
}

/** The specification of Compose files, without its words: https://github.com/compose-spec/compose-spec (Apache-2.0). */
const composeSpec = z.fromJSONSchema(
  JSON.parse(read('../test/docker/compose-spec.json')) as Parameters<typeof z.fromJSONSchema>[0],
)

/** What stands in docker/.env, put in as Compose does. */
const filled = (text: string): string =>
  text
    .replaceAll(/\$\{SERVER_NAME[^}]*\}/g, 'example.org')
    .replaceAll(/\$\{HOST[^}]*\}/g, 'chat.example.org')
    .replaceAll(/\$\{PUBLIC_URL[^}]*\}/g, 'https://chat.example.org')
    .replaceAll(/\$\{ADDRESS[^}]*\}/g, '192.0.2.7')
    .replaceAll(/\$\{\w+_SECRET[^}]*\}/g, 'a secret of more than thirty-two characters')

function configOf(service: Service | undefined): Config {
  const env = Object.fromEntries(Object.entries(service?.environment ?? {}).map(([key, value]) => [key, filled(value)]))
  return loadConfig({ files: [], env, readFile: () => '' })
}

interface LivekitSettings {
  readonly bind_addresses?: readonly string[]
  readonly rtc: object
}

describe.each(['docker-compose.lite.yml', 'docker-compose.yml'])('%s', (file) => {
  const compose = parse(read(file), { merge: true }) as Compose
  const services = Object.entries(compose.services)

  test('is what the specification of such files allows', () => {
    expect(composeSpec.safeParse(compose).error).toBeUndefined()
    expect(composeSpec.safeParse({ services: { domovoi: { restrat: 'always' } } }).success).toBe(false)
  })

  test('every service is of a fixed release, within limits, and uses what is declared', () => {
    for (const [name, service] of services) {
      if (service.image !== undefined) expect(service.image).toMatch(/:[\w.-]*\d[\w.-]*$/)
      expect({ name, limit: service.mem_limit }).toEqual({ name, limit: expect.stringMatching(/^\d+[mg]$/) })
      for (const [declared, used] of [
        [compose.networks, service.networks],
        [
          compose.volumes,
          service.volumes?.map((volume) => volume.split(':')[0] ?? '').filter((from) => /^\w/.test(from)),
        ],
      ] as const) {
        expect(Object.keys(declared ?? {})).toEqual(expect.arrayContaining([...(used ?? [])]))
      }
    }
  })

  test('the server may write to its data alone, and has no rights', () => {
    expect(compose.services['domovoi']).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
  })

  test('its settings are settings', () => {
    expect(configOf(compose.services['domovoi'])).toMatchObject({
      server_name: 'example.org',
      public_url: 'https://chat.example.org',
    })
  })
})

test('the server and the LiveKit beside it agree', () => {
  const { services } = parse(read('docker-compose.yml'), { merge: true }) as Compose
  const config = configOf(services['domovoi'])
  const { api_key: id = '', api_secret: secret = new Secret(''), livekit_url: url = '' } = config.calls
  const webhookUrl = 'http://domovoi:8008/livekit/jwt/sfu_webhook'
  // as the server would have it that runs one itself
  const own = JSON.parse(livekitConfig({ config, key: { id, secret }, httpPort: 7880, webhookUrl })) as LivekitSettings
  const { bind_addresses: _, rtc, ...rest } = own
  const given = parse(filled(services['livekit']?.environment?.['LIVEKIT_CONFIG'] ?? '')) as LivekitSettings
  expect(given).toEqual({ ...rest, rtc: { ...rtc, use_external_ip: false, node_ip: '192.0.2.7' } })
  expect(read('proxy/livekit.caddy')).toContain(`handle_path ${new URL(url).pathname}/* {`)
})

test('the image holds what the server needs, and runs as nobody', () => {
  const text = read('Dockerfile')
  const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '))
  const let_in = [...read('Dockerfile.dockerignore').matchAll(/^!(\S+)$/gm)].map(([, name]) => name)
  for (const name of copied) expect(let_in).toContain(name.split('/')[0])
  expect(copied).toEqual(expect.arrayContaining(['homeserver', 'migrations', 'bridges']))
  expect(text).toMatch(/^USER 10001$/m)
  expect(text.lastIndexOf('\nUSER')).toBeLessThan(text.indexOf('\nENTRYPOINT'))
})

describe('numbers that there are', () => {
  /** Of a server that has all there is: other servers, calls, a bridge. */
  async function metricsText(): Promise<string> {
    await using telegram = await FakeTelegram.start()
    await using sfu = await FakeSfu.start()
    const bot = `telegram: { bot_token: '${telegram.token}', api_root: '${telegram.url}' }`
    await using server = await startServer({ config: ['federation: { mode: open }', sfu.config, bot] })
    await server.register('alice')
    const { metrics, clock } = server.server.services
    observeBackups({ metrics, clock })
    return metrics.text()
  }

  /** Names of metrics in a query that the server does not have. */
  function unknownIn(query: string, text: string): string[] {
    const names = query.replaceAll(/"[^"]*"|by \([^)]*\)|\[[^\]]*\]/g, '').match(/\bdomovoi_\w+/g) ?? []
    return names.filter((name) => !text.includes(`# TYPE ${name.replace(/_bucket$/, '')} `))
  }

  test('are what alerts and the dashboard ask for', async () => {
    const text = await metricsText()
    expect(unknownIn('rate(domovoi_no_such_total[5m])', text)).toEqual(['domovoi_no_such_total'])
    const { groups } = parse(read('prometheus/alerts.yml')) as {
      groups: { rules: { alert: string; expr: string }[] }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(4)
    for (const { alert, expr } of rules) {
      expect({ alert, unknown: unknownIn(expr, text) }).toEqual({ alert, unknown: [] })
    }
    const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
    expect(queries.length).toBeGreaterThan(15)
    for (const { title, expr } of queries) {
      expect({ title, asks: expr.includes('domovoi_'), unknown: unknownIn(expr, text) }).toEqual({
        title,
        asks: true,
        unknown: [],
      })
    }
  })

  const { panels } = JSON.parse(read('grafana/dashboards/domovoi.json')) as {
    panels: readonly {
      readonly id: number
      readonly title: string
      readonly datasource?: { readonly uid: string }
      readonly targets?: readonly { readonly expr: string }[]
    }[]
  }

  test('are shown by panels of the data source that Grafana is given', () => {
    const { datasources } = parse(read('grafana/provisioning/datasources/prometheus.yml')) as {
      datasources: readonly { readonly uid: string; readonly url: string }[]
    }
    const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose
    expect(Object.keys(compose.services)).toContain(new URL(datasources[0]?.url ?? '').hostname)
    const used = panels.flatMap(({ datasource }) => datasource?.uid ?? [])
    expect(new Set(used)).toEqual(new Set(datasources.map(({ uid }) => uid)))
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)

    const { providers } = parse(read('grafana/provisioning/dashboards/domovoi.yml')) as {
      providers: readonly { readonly options: { readonly path: string } }[]
    }
    const { volumes = [] } = compose.services['grafana'] ?? {}
    expect(volumes).toContain(`./grafana/dashboards:${providers[0]?.options.path}:ro`)
  })
})

/** The tests of what a program says; skipped with its name where it is missing: .ci/run installs it. */
function withProgram(
  program: string,
  declare: (run: (...args: string[]) => { code: number | null; output: string }) => void,
): void {
  const isThere = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  const group = isThere ? describe : describe.skip
  group(isThere ? program : `${program} (missing here)`, () => {
    declare((...args) => {
      const env = { HOST: 'chat.test', SERVER_NAME: 'test.test', UPSTREAM: '127.0.0.1:8008' }
      const { status, stdout, stderr } = spawnSync(program, args, {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], HOME: place, ...env },
      })
      return { code: status, output: `${stdout}${stderr}` }
    })
  })
}

withProgram('shellcheck', (run) => {
  test('finds nothing in our scripts', () => {
    expect(run(join(docker, 'install.sh'))).toEqual({ code: 0, output: '' })
  })
})

withProgram('caddy', (run) => {
  test('takes the Caddyfile, alone and with LiveKit beside it', () => {
    const [alone, withMore] = [join(place, 'alone'), join(place, 'with-more')]
    mkdirSync(alone)
    mkdirSync(join(withMore, 'more'), { recursive: true })
    writeFileSync(join(withMore, 'more/livekit.caddy'), read('proxy/livekit.caddy'))
    for (const directory of [alone, withMore]) {
      const file = join(directory, 'Caddyfile')
      writeFileSync(file, read('proxy/Caddyfile'))
      expect(run('validate', '--adapter', 'caddyfile', '--config', file)).toMatchObject({ code: 0 })
      const { output } = run('adapt', '--adapter', 'caddyfile', '--config', file)
      expect(output.includes('livekit:7880')).toBe(directory === withMore)
    }
  })
})

withProgram('systemd-analyze', (run) => {
  test('takes the units', () => {
    const units = readdirSync(join(docker, 'systemd'))
    const paths = units.map((unit) => {
      const path = join(place, unit)
      // The program is not installed here.
      writeFileSync(path, read(`systemd/${unit}`).replaceAll(/^ExecStart=\S+/gm, `ExecStart=${process.execPath}`))
      return path
    })
    expect(run('verify', '--man=no', ...paths)).toMatchObject({ code: 0 })
  })
})

const describeTls = hasOpenssl ? describe : describe.skip
describeTls('with a certificate', () => {
  const [cert, key, both] = [join(place, 'cert.pem'), join(place, 'key.pem'), join(place, 'both.pem')]

  function certify(): void {
    const made = makeCertificate('chat.example.org')
    writeFileSync(cert, made.cert)
    writeFileSync(key, made.key)
    writeFileSync(both, made.cert + made.key)
  }

  withProgram('nginx', (run) => {
    test('takes our server', () => {
      certify()
      const ours = read('proxy/nginx.conf')
        .replaceAll(/ssl_certificate +\S+;/g, `ssl_certificate ${cert};`)
        .replaceAll(/ssl_certificate_key +\S+;/g, `ssl_certificate_key ${key};`)
        .replaceAll(/listen \[::\].*\n/g, '') // not every machine has IPv6
        .replaceAll(/listen 443/g, 'listen 127.0.0.1:8443')
        // releases before 1.25 have it in `listen`
        .replaceAll('http2 on;', '')
      const whole = `pid ${place}/pid; error_log stderr; events {} http { access_log off; client_body_temp_path ${place}; proxy_temp_path ${place}; fastcgi_temp_path ${place}; uwsgi_temp_path ${place}; scgi_temp_path ${place}; ${ours} }`
      writeFileSync(join(place, 'nginx.conf'), whole)
      expect(run('-t', '-c', join(place, 'nginx.conf'))).toMatchObject({ code: 0 })
    })
  })

  withProgram('haproxy', (run) => {
    test('takes our server', () => {
      certify()
      writeFileSync(join(place, 'haproxy.cfg'), read('proxy/haproxy.cfg').replaceAll(/crt \S+/g, `crt ${both}`))
      expect(run('-c', '-f', join(place, 'haproxy.cfg'))).toMatchObject({ code: 0 })
    })
  })
})

test('the script for installing tells what it would do, and refuses what it does not understand', () => {
  const run = (...args: string[]) => spawnSync(join(docker, 'install.sh'), args, { encoding: 'utf8' })
  const dry = run('--dry-run', 'example.org')
  expect(dry.status).toBe(0)
  expect(dry.stdout).toContain('+ systemctl enable --now domovoi.service domovoi-backup.timer\n')
  expect(run('--dry-run', '--uninstall').stdout).toContain('+ rm -rf /opt/domovoi\n')
  expect(run().status).toBe(64)
  expect(run('--dry-run', 'https://example.org').status).toBe(64)
  expect(run('--dry-run', '--force').status).toBe(64)
})
