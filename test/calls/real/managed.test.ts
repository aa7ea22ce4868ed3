import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { askToken, callPorts, livekit, livekitMissing, startCallServer } from '../../support/livekit.ts'
import { Place } from '../../support/program.ts'
import { until } from '../../support/until.ts'

const withLivekit = livekitMissing ? describe.skip : describe

/** LiveKit, but it leaves its process id in a file, and does not start while there is a file `hold`. */
async function traceable(place: Place): Promise<{ readonly program: string; readonly pid: () => Promise<number> }> {
  const [program, file] = [join(place.cwd, 'livekit-server'), join(place.cwd, 'livekit.pid')]
  await writeFile(
    program,
    `#!/bin/sh\n[ -e '${join(place.cwd, 'hold')}' ] && exit 1\necho $$ > '${file}'\nexec '${livekit}'\n`,
    { mode: 0o755 },
  )
  return { program, pid: async () => Number(await readFile(file, 'utf8')) }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

withLivekit(`LiveKit as our child${livekitMissing ? ` (${livekitMissing})` : ''}`, () => {
  test('LiveKit that dies is started again; meanwhile calls are refused clearly, and chat goes on', async () => {
    await using place = await Place.make()
    const { program, pid } = await traceable(place)
    await using server = await startCallServer({ parts: { livekit: program } })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const isUp = (): boolean => server.server.services.calls?.tunnelTo?.() !== undefined
    expect(isUp()).toBe(true)
    const first = await pid()
    await writeFile(place.path('hold'), '')
    process.kill(first, 'SIGKILL')
    await until(() => !isUp(), 20)
    expect((await askToken(server, alice, room)).status).toBe(500)
    await alice.send(room, 'hello')
    await unlink(place.path('hold'))
    await until(isUp, 20)
    expect(await pid()).not.toBe(first)
    expect((await askToken(server, alice, room)).status).toBe(200)
  })

  test('however the server ends, LiveKit ends with it, so that its ports are free', async () => {
    await using place = await Place.make()
    const { program, pid } = await traceable(place)
    await writeFile(place.path('config.yaml'), await callPorts())
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const { child } = await place.start({ env: { LIVEKIT_SERVER: program } })
      const its = await pid()
      expect(isAlive(its)).toBe(true)
      child.kill(signal)
      await until(() => !isAlive(its), 20)
    }
  })

  test('a LiveKit that cannot run does not keep the server from running', async () => {
    await using place = await Place.make()
    const program = join(place.cwd, 'livekit-server')
    await writeFile(program, '#!/bin/sh\necho no such thing\nexit 3\n', { mode: 0o755 })
    await using server = await startCallServer({ config: 'log: { level: error }', parts: { livekit: program } })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    expect((await askToken(server, alice, room)).status).toBe(500)
  })
})
