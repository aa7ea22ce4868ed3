/** Sessions of apps: all of them, one, and the end of one. */
import type { Device } from '../../../domain/devices/devices.ts'
import type { Services } from '../../services.ts'
import { type Html, html } from '../html.ts'
import type { Messages } from '../messages/messages.ts'
import { seeOther } from '../page.ts'
import { doneNote, errorNote } from '../parts.ts'
import type { AccountVisit, View } from './view.ts'

const listAddress = '/account?action=org.matrix.devices_list'
const addressOf = (action: string, deviceId: string): string =>
  `/account?${new URLSearchParams({ action: `org.matrix.${action}`, device_id: deviceId }).toString()}`

export const devicesView: View = {
  show: async (visit, services) => await showList(visit, services, {}),
}

async function showList(visit: AccountVisit, { devices }: Services, { error }: { error?: string }) {
  const { messages, visitor, query } = visit
  const list = await devices.list(visitor.userId)
  const lately = list.toSorted((one, other) => (other.lastSeenTs ?? 0) - (one.lastSeenTs ?? 0))
  return visit.page({
    title: messages.sessions,
    status: error === undefined ? 200 : 404,
    content: html`${errorNote(error)}${query.has('done') && doneNote(messages.ended)}
      ${list.length === 0 && html`<p>${messages.noSessions}</p>`}
      <ul class="list">
        ${lately.map((device) => item(messages, device))}
      </ul>`,
  })
}

function item(messages: Messages, device: Device): Html {
  const name = nameOf(messages, device)
  return html`<li>
    <div>
      <h2><a href="${addressOf('device_view', device.deviceId)}">${name}</a></h2>
      <p>${device.deviceId}</p>
      <p>${messages.lastSeen}: ${timeOf(messages, device.lastSeenTs)}</p>
    </div>
    <a
      class="button plain"
      href="${addressOf('device_delete', device.deviceId)}"
      aria-label="${messages.end}: ${name}, ${device.deviceId}"
      >${messages.end}</a
    >
  </li>`
}

export const deviceView: View = {
  show: (visit, services) =>
    withDevice(visit, services, (device) => {
      const { messages } = visit
      return visit.page({
        title: nameOf(messages, device),
        content: html`${details(messages, device)}
          <p class="actions">
            <a class="button plain" href="${addressOf('device_delete', device.deviceId)}">${messages.endSession}</a>
          </p>`,
      })
    }),
}

export const endView: View = {
  show: (visit, services) =>
    withDevice(visit, services, (device) => {
      const { messages, token } = visit
      return visit.page({
        title: messages.endTitle,
        content: html`${details(messages, device)}
          <p>${messages.endHint}</p>
          <form method="post">
            ${token}
            <p class="actions">
              <button class="danger">${messages.endSession}</button>
              <a class="button plain" href="${listAddress}">${messages.cancel}</a>
            </p>
          </form>`,
      })
    }),
  submit: async (visit, { sessions }) => {
    await sessions.end(visit.visitor.userId, [visit.query.get('device_id') ?? ''])
    return seeOther(`${listAddress}&done=1`)
  },
}

async function withDevice(
  visit: AccountVisit,
  services: Services,
  show: (device: Device) => ReturnType<AccountVisit['page']>,
) {
  const deviceId = visit.query.get('device_id')
  const list = await services.devices.list(visit.visitor.userId)
  const device = list.find((one) => one.deviceId === deviceId)
  return device ? show(device) : await showList(visit, services, { error: visit.messages.noSuchSession })
}

function details(messages: Messages, device: Device): Html {
  return html`<dl>
    <dt>${messages.session}</dt>
    <dd>${nameOf(messages, device)}</dd>
    <dd>${device.deviceId}</dd>
    <dt>${messages.lastSeen}</dt>
    <dd>
      ${timeOf(messages, device.lastSeenTs)}${
        device.lastSeenIp !== undefined && html` ${messages.from} ${device.lastSeenIp}`
      }
    </dd>
  </dl>`
}

function nameOf(messages: Messages, { displayName }: Device): string {
  return displayName ?? messages.unnamed
}

/** Without scripts the time zone of the reader is not known. */
export function timeOf({ language, never }: Messages, ts: number | undefined): string {
  if (ts === undefined) return never
  const format = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  return `${format.format(ts)} UTC`
}
