import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

forEachDatabase(({ dialect }) => {
  test('a group and a room are bridged, and text goes both ways', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    tom.say(group, { text: 'Hello, bold world', entities: [{ type: 'bold', offset: 7, length: 4 }] })
    const hello = await bridged.text(roomId, 'Hello, bold world')
    expect(hello).toMatchObject({
      sender: bridged.ghost(tom),
      content: { formatted_body: 'Hello, <strong>bold</strong> world' },
    })
    expect(await alice.get(`/profile/${bridged.ghost(tom)}`)).toMatchObject({ displayname: 'Tom' })
    await alice.send(roomId, {
      msgtype: 'm.text',
      body: 'Hi!',
      format: 'org.matrix.custom.html',
      formatted_body: '<i>Hi!</i>',
    })
    const hi = await bridged.said(group, ({ text }) => text === 'alice: Hi!')
    expect(hi.entities).toEqual([
      { type: 'bold', offset: 0, length: 5 },
      { type: 'italic', offset: 7, length: 3 },
    ])
    expect(telegram.history(group).map(({ text }) => text)).toContain('Hello, bold world')
  })
})
