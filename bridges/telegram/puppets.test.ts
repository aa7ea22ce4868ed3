import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

const encoded = encodeURIComponent

forEachDatabase(({ dialect }) => {
  test('case 30: who is linked speaks, edits and reacts in Matrix as themselves, and hears no echo in Telegram', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    tom.say(group, 'not linked yet')
    expect((await bridged.text(roomId, 'not linked yet'))['sender']).toBe(bridged.ghost(tom))
    await bridged.link(roomId)

    const said = tom.say(group, 'it is me')
    const { event_id: eventId, sender } = await bridged.text(roomId, 'it is me')
    expect(sender).toBe(alice.userId)
    await bridged.event(roomId, ({ type, state_key: key, content }) => {
      return type === 'm.room.member' && key === bridged.ghost(tom) && content.membership === 'leave'
    })
    tom.edit(said, { text: 'it is still me' })
    expect((await bridged.text(roomId, '* it is still me'))['sender']).toBe(alice.userId)
    tom.react(said, '👍')
    const reaction = await bridged.event(roomId, ({ type }) => type === 'm.reaction')
    expect(reaction).toMatchObject({ sender: alice.userId, content: { 'm.relates_to': { event_id: eventId } } })
    tom.react(said)
    const redaction = await bridged.event(roomId, ({ type }) => type === 'm.room.redaction')
    expect(redaction['sender']).toBe(alice.userId)

    await alice.send(roomId, 'and from Matrix')
    await bridged.said(group, ({ text }) => text === 'alice: and from Matrix')
    expect(telegram.said(group).filter(({ text }) => text?.startsWith('alice: ') === true)).toHaveLength(1)
    expect(telegram.calls.filter(({ method }) => method === 'setMessageReaction')).toEqual([])

    await alice.send(roomId, '!tg unbridge')
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('This room is not bridged with') === true)
    expect(await alice.get(`/rooms/${encoded(roomId)}/joined_members`)).toMatchObject({
      joined: { [alice.userId]: expect.anything() },
    })
  })

  test('case 30: the bridge speaks for nobody who is not linked, and for those who are only as a person without rights', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const bob = await server.register('bob')
    const bridge = server.client()
    const file = await readFile(join(server.dataDir, 'appservices/telegram.yaml'), 'utf8')
    bridge.token = (parse(file) as { as_token: string }).as_token
    const asUser = (userId: string) => bridge.request('GET', `/account/whoami?user_id=${encoded(userId)}`)
    expect((await asUser(alice.userId)).status).toBe(403)

    await bridged.link(roomId)
    tom.say(group, 'it is me')
    expect((await bridged.text(roomId, 'it is me'))['sender']).toBe(alice.userId)
    expect((await asUser(alice.userId)).body).toMatchObject({ user_id: alice.userId })
    expect((await asUser(bob.userId)).status).toBe(403)
    const path = `/account/deactivate?user_id=${encoded(alice.userId)}`
    expect((await bridge.request('POST', path, {})).status).toBe(401) // asks who it is, as it asks everybody

    tom.say(tom.bot, '/unlink')
    await bridged.said(tom.bot, ({ text }) => text?.startsWith('Not linked with') === true)
    expect((await asUser(alice.userId)).status).toBe(403)
    tom.say(group, 'a ghost again')
    expect((await bridged.text(roomId, 'a ghost again'))['sender']).toBe(bridged.ghost(tom))
  })

  test('T94: what somebody is called in Telegram does not pass for a user id, nor turn the writing round', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram } = bridged
    const eve = telegram.person(`@alice:hs.test`, { last_name: '\u202Eeve' })
    const group = bridged.group({ members: [eve] })
    const roomId = await bridged.bridge(group)
    eve.say(group, 'it is me')
    expect(await bridged.text(roomId, 'it is me')).toMatchObject({ sender: bridged.ghost(eve) })
    expect(await alice.get(`/profile/${bridged.ghost(eve)}`)).toMatchObject({ displayname: 'alice:hs.test eve' })
  })

  test('case 30: whom the room has banned speaks there as a ghost', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const bob = await server.register('bob')
    await alice.post(`/rooms/${encoded(roomId)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encoded(roomId)}`)
    await bridged.link(roomId, bob)
    await alice.post(`/rooms/${encoded(roomId)}/ban`, { user_id: bob.userId })
    tom.say(group, 'it is me')
    expect((await bridged.text(roomId, 'it is me'))['sender']).toBe(bridged.ghost(tom))
  })
})
