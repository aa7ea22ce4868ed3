import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

forEachDatabase(({ dialect }) => {
  test('a user has the default rules, adds one, orders it, changes it and deletes it', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const defaults = await alice.get('/pushrules/')
    expect(defaults['global'].override[0].rule_id).toBe('.m.rule.master')

    const rule = { actions: ['notify'], pattern: 'cake' }
    await alice.put('/pushrules/global/content/cake', rule)
    await alice.put('/pushrules/global/content/tea?before=cake', { actions: [], pattern: 'tea' })
    const { content } = await alice.get('/pushrules/global/')
    expect(content.slice(0, 2).map((one: { rule_id: string }) => one.rule_id)).toEqual(['tea', 'cake'])

    await alice.put('/pushrules/global/content/cake/enabled', { enabled: false })
    expect(await alice.get('/pushrules/global/content/cake')).toMatchObject({ ...rule, enabled: false, default: false })
    await alice.put('/pushrules/global/override/.m.rule.master/enabled', { enabled: true })
    expect(await alice.get('/pushrules/global/override/.m.rule.master/enabled')).toEqual({ enabled: true })

    await alice.ok('DELETE', '/pushrules/global/content/cake')
    expect(await alice.refusal('GET', '/pushrules/global/content/cake')).toEqual({
      status: 404,
      errcode: 'M_NOT_FOUND',
    })
  })

  test('a rule of a kind that is not known here is not found', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const path = '/pushrules/global/aftermath/.org.example.rule'
    const missing = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await alice.refusal('GET', path)).toEqual(missing)
    expect(await alice.refusal('GET', `${path}/actions`)).toEqual(missing)
    expect(await alice.refusal('PUT', `${path}/enabled`, { enabled: false })).toEqual(missing)
    expect(await alice.refusal('DELETE', path)).toEqual(missing)
  })

  test('T70: rules without end, with a malformed name or of no known kind are refused', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const put = (path: string, body: unknown) => alice.refusal('PUT', `/pushrules/${path}`, body)
    const rule = { actions: ['notify'] }
    expect(await put('global/override/.mine', rule)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await put('global/nonsense/mine', rule)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await put('device/override/mine', rule)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await put('global/content/mine', rule)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await put('global/override/mine', {})).toEqual({ status: 400, errcode: 'M_MISSING_PARAM' })
    expect(await put('global/override/mine', { actions: ['x'.repeat(9_000)] })).toEqual({
      status: 413,
      errcode: 'M_TOO_LARGE',
    })
  })
})
