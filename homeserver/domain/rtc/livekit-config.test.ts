import { expect, test } from '@jest/globals'
import { loadConfig } from '../../config/load.ts'
import { Secret } from '../../platform/secret.ts'
import { livekitConfig } from './livekit-config.ts'

const key = { id: 'APIkey', secret: new Secret('a secret of more than thirty-two characters') }

function turnServersFor(turn: string): unknown {
  const text = `server_name: hs.test\ncalls: { turn: ${turn} }`
  const config = loadConfig({ files: [{ name: 'test', text }], env: {}, readFile: () => '' })
  return JSON.parse(livekitConfig({ config, key, httpPort: 1, webhookUrl: 'http://127.0.0.1:2/' })).rtc.turn_servers
}

test('LiveKit tells apps of our TURN server in all its ways, and of none where there is none', () => {
  const common = { secret: 'turn secret', ttl: 7200 }
  const uris = ['turn:t.test', 'turn:t.test:80?transport=tcp', 'turns:[2001:db8::1]:443?transport=tcp', 'turns:t.test']
  expect(turnServersFor(`{ uris: ${JSON.stringify(uris)}, secret: turn secret, lifetime: 2h }`)).toEqual([
    { host: 't.test', port: 3478, protocol: 'udp', ...common },
    { host: 't.test', port: 80, protocol: 'tcp', ...common },
    { host: '[2001:db8::1]', port: 443, protocol: 'tls', ...common },
    { host: 't.test', port: 5349, protocol: 'tls', ...common },
  ])
  expect(turnServersFor('{}')).toBeUndefined()
})
