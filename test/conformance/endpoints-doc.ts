/** docs/endpoints.md: every operation of the specification's client-server API, and whether this server has it. */
import { readFileSync } from 'node:fs'
import { endpoints } from '../../homeserver/http/endpoints.ts'

interface Operation {
  readonly method: string
  readonly path: string
  readonly operationId: string
  readonly tag: string
  readonly deprecated: boolean
}

/** Operations of the specification that are not there yet, by path, with the issue that will bring them. */
const planned: readonly (readonly [pattern: RegExp, issue: string])[] = [
  [/\/(3pid|requestToken)/, 'issue 4, part 4: e-mail and phone'],
  [/\/login\/sso|\/auth_metadata|oauth/, 'issue 4, part 3: OAuth 2.0 and single sign-on'],
  [/\/notifications$/, 'issue 4, part 9: notifications'],
  [/\/(appservice|thirdparty)\//, 'issue 4, part 8: application services'],
  [/\/preview_url/, 'issue 4, part 7: URL previews'],
  [/\/policy_server$/, 'asked of policy servers, which this is not'],
  [/./, 'issue 4, part 1'],
]

function specOperations(): Operation[] {
  const lines = readFileSync(new URL('./endpoints.tsv', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
  return lines.flatMap((line) => {
    const [api, method = '', path = '', operationId = '', tag = '', , deprecated] = line.split('\t')
    // Two operations of one path are told apart there by a trailing blank.
    return api === 'client-server'
      ? [{ method, path: path.trim(), operationId, tag, deprecated: deprecated === 'yes' }]
      : []
  })
}

/** `GET /rooms/{}/state`: what two spellings of a path have in common. The one scope of push rules is no parameter there. */
function shapeOf(method: string, path: string): string {
  const scoped = path.replace('/pushrules/:scope', '/pushrules/global')
  return `${method} ${scoped.replace(/\/$/, '').replaceAll(/\{[^}]+\}|:[A-Za-z]+/g, '{}')}`
}

export function renderEndpoints(): string {
  const served = new Set(endpoints.flatMap((endpoint) => endpoint.paths.map((path) => shapeOf(endpoint.method, path))))
  const operations = specOperations()
  const specified = new Set(operations.map(({ method, path }) => shapeOf(method, path)))
  const rows = operations.map((operation) => {
    const done = served.has(shapeOf(operation.method, operation.path))
    const state = done ? 'yes' : (planned.find(([pattern]) => pattern.test(operation.path))?.[1] ?? '')
    return `| ${operation.method} | \`${operation.path}\` | ${operation.deprecated ? 'deprecated' : ''} | ${state} |`
  })
  const others = endpoints.flatMap(({ method, paths, auth }) =>
    paths
      .filter((path) => !specified.has(shapeOf(method, path)))
      .map((path) => `| ${method} | \`${path}\` | ${auth} |`),
  )
  const count = operations.filter(({ method, path }) => served.has(shapeOf(method, path))).length
  return [
    '# Endpoints',
    '',
    'Made from the declarations in `homeserver/http` by `npm run docs`; a test fails when it is stale.',
    '',
    `## Client-server API v1.19: ${count} of ${operations.length} operations`,
    '',
    '| method | path | | here |',
    '|---|---|---|---|',
    ...rows,
    '',
    '## Beyond the list: older versions, unstable names, proposals, other interfaces',
    '',
    '| method | path | who |',
    '|---|---|---|',
    ...others,
    '',
  ].join('\n')
}
