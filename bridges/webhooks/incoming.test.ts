import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Hooked } from '../../test/support/webhooks.ts'
import { startServer } from '../../test/support/server.ts'

const discord = {
  content: 'Deployed **1.2**',
  username: 'CI',
  embeds: [{ title: 'Log', url: 'https://ci.example/1', fields: [{ name: 'Branch', value: 'main' }] }],
}
const slack = {
  text: 'shown in notifications',
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text: '*Build* of <https://ci.example/1|main> &amp; more' } }],
}

forEachDatabase(({ dialect }) => {
  test('a program posts into a room, in its own form, in that of Slack and in that of Discord', async () => {
    await using hooked = await Hooked.start(dialect)
    const { path, id } = await hooked.add('Build')
    const own = await hooked.said(path, { text: 'It is *done*: <b>x</b>' })
    expect(own).toMatchObject({ sender: `@webhook_${id}:hs.test`, room_id: hooked.roomId })
    expect(own['content']).toEqual({
      msgtype: 'm.text',
      body: 'It is *done*: <b>x</b>',
      format: 'org.matrix.custom.html',
      formatted_body: 'It is <em>done</em>: &lt;b&gt;x&lt;/b&gt;',
      'm.mentions': {},
    })
    expect(await hooked.alice.get(`/profile/@webhook_${id}:hs.test`)).toMatchObject({ displayname: 'Build' })
    const plain = await hooked.said(path, 'only *text*')
    expect(plain['content']).toEqual({ msgtype: 'm.text', body: 'only *text*', 'm.mentions': {} })

    expect(await hooked.post(`${path}/slack`, slack)).toEqual({ status: 200, text: 'ok' })
    const fromSlack = await hooked.message(({ content }) => content.body.startsWith('**Build**'))
    expect(fromSlack['content'].formatted_body).toBe(
      '<strong>Build</strong> of <a href="https://ci.example/1">main</a> &amp; more',
    )
    const form = new URLSearchParams({ payload: JSON.stringify({ text: 'by form', username: 'Old' }) }).toString()
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await hooked.said(path, form, type))['content'].body).toBe('Old: by form')

    expect(await hooked.post(`${path}/discord`, discord)).toEqual({ status: 204, text: '' })
    const fromDiscord = await hooked.message(({ content }) => content.body.startsWith('CI: Deployed'))
    expect(fromDiscord['content']).toMatchObject({
      'com.beeper.per_message_profile': { displayname: 'CI', has_fallback: true },
    })
    expect(fromDiscord['content'].formatted_body).toContain('<strong data-mx-profile-fallback>CI: </strong>')
    expect(fromDiscord['content'].formatted_body).toContain('<strong><a href="https://ci.example/1">Log</a></strong>')
    const waited = await hooked.post(`${path}/discord?wait=true`, { content: 'x' })
    expect(JSON.parse(waited.text)).toEqual({ id: expect.stringMatching(/^\$/) })
  })

  test('the same delivery comes once, and a renewed or removed webhook is over at once', async () => {
    await using hooked = await Hooked.start(dialect)
    const { path, id } = await hooked.add('Build')
    const first = await hooked.post(path, 'once', { 'idempotency-key': 'delivery 1' })
    expect(await hooked.post(path, 'once', { 'idempotency-key': 'delivery 1' })).toEqual(first)
    expect(await hooked.command('!webhook list')).toBe(`${id} Build: posts here (@alice:hs.test)`)
    expect(await hooked.command(`!webhook renew ${id}`)).toMatch(/old address of Build is over/)
    expect((await hooked.post(path, 'late')).status).toBe(404)
    const renewed = await hooked.secret(new RegExp(`/webhooks/${id}/(?!${path.split('/')[3]})\\S+`))
    expect((await hooked.post(renewed, 'new')).status).toBe(200)
    expect(await hooked.command(`!webhook remove ${id}`)).toBe('Build is over.')
    expect((await hooked.post(renewed, 'late')).status).toBe(404)
    expect(await hooked.command('!webhook list')).toBe('This room has no webhooks.')
  })

  test('a picture that a message names is shown with it; what is none is passed over', async () => {
    let asked = 0
    const server = createServer(({ url }, response) => {
      asked++
      const type = url === '/face.png' ? 'image/png' : 'text/html'
      response.writeHead(200, { 'content-type': type }).end('bytes')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    using closing = new DisposableStack()
    closing.defer(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo // it listens on TCP
    await using hooked = await Hooked.start(dialect)
    const { path } = await hooked.add('Build')
    const say = async (file: string) =>
      (await hooked.said(path, { text: 'x', username: 'CI', icon_url: `http://127.0.0.1:${port}/${file}` }))['content']
    const shown = expect.stringMatching(/^mxc:\/\/hs\.test\//)
    expect(await say('face.png')).toMatchObject({ 'com.beeper.per_message_profile': { avatar_url: shown } })
    expect((await say('page'))['com.beeper.per_message_profile']).toEqual({
      id: expect.stringMatching(/\.CI$/),
      displayname: 'CI',
      has_fallback: true,
    })
    await say('face.png')
    expect(asked).toBe(2)
  })

  test('webhooks are for those who rule a room, end with the bot, and belong to one room', async () => {
    await using hooked = await Hooked.start(dialect)
    const { path, id } = await hooked.add('Build')
    const bob = await hooked.server.register('bob')
    await hooked.alice.post(`/rooms/${encodeURIComponent(hooked.roomId)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encodeURIComponent(hooked.roomId)}`)
    expect(await hooked.command('!webhook new Mine', hooked.roomId, bob)).toMatch(/^You may not do that here/)
    const other = await hooked.alice.createRoom()
    await hooked.bring(other)
    expect(await hooked.command(`!webhook remove ${id}`, other)).toMatch(/no such webhook/)
    expect(await hooked.command('!webhook constructor')).toMatch(/^There is no command constructor/)
    expect((await hooked.post(path, 'still here')).status).toBe(200)
    await hooked.alice.post(`/rooms/${encodeURIComponent(hooked.roomId)}/kick`, { user_id: Hooked.bot })
    await hooked.bring(hooked.roomId, 2) // when it is back, it has heard that it was thrown out
    expect((await hooked.post(path, 'late')).status).toBe(404)
  })

  test('T101: a wrong address, what is too large, what is too much and what is odd is refused and says nothing', async () => {
    await using hooked = await Hooked.start(dialect)
    const { path, id } = await hooked.add('Build')
    expect((await hooked.post(`/webhooks/${id}/wrong`, 'x')).status).toBe(404)
    expect((await hooked.post(`/webhooks/0000000000000000/${path.split('/')[3]}`, 'x')).status).toBe(404)
    const statusOf = async (body: unknown, headers?: Record<string, string>) =>
      (await hooked.post(path, body, headers)).status
    expect(await statusOf('x'.repeat(200_000))).toBe(413)
    expect(await statusOf('x'.repeat(20_000))).toBe(413)
    expect(await statusOf(' \n ')).toBe(400)
    expect(await statusOf('{ no json')).toBe(400)
    expect(await statusOf({ unknown: true })).toBe(400)
    expect(await statusOf({ embeds: [{ fields: 'none' }] })).toBe(400)
    expect(await statusOf('x', { 'content-type': 'multipart/form-data; boundary=x' })).toBe(415)
    const statuses = await Promise.all(Array.from({ length: 30 }, () => statusOf('flood')))
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
    const { chunk } = await hooked.alice.get(`/rooms/${encodeURIComponent(hooked.roomId)}/messages?dir=b&limit=200`)
    const said = (chunk as { sender: string; content: { body: string } }[]).filter(({ sender }) => sender.includes(id))
    expect(
      said.filter(({ content }) => content.body !== undefined).every(({ content }) => content.body === 'flood'),
    ).toBe(true)
  })

  test('T102: what is posted is neither HTML nor notifies anybody, unless the room allows it', async () => {
    await using hooked = await Hooked.start(dialect)
    const { path, id } = await hooked.add('Build')
    const text = '@room @alice:hs.test [x](javascript:alert(1)) <img src=x onerror=alert(1)> **<script>**'
    const quiet = await hooked.said(path, { text, username: '<b>\u202EEvil' })
    expect(quiet['content']['m.mentions']).toEqual({})
    expect(quiet['content'].formatted_body).not.toMatch(/<(?!\/?strong)|href/)
    expect(quiet['content'].body).toMatch(/^<b>Evil: /)
    expect(await hooked.command(`!webhook mention ${id} on`)).toMatch(/^Build may notify people/)
    const loud = await hooked.said(path, { text })
    expect(loud['content']['m.mentions']).toEqual({ room: true, user_ids: ['@alice:hs.test'] })
  })
})

test('without the setting there are no webhooks', async () => {
  await using server = await startServer()
  expect((await fetch(`${server.url}/webhooks/a/b`, { method: 'POST', body: 'x' })).status).toBe(404)
})
