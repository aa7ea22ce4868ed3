/** What the server keeps of a person, to take along; and the way out. */
import type { UserId } from '../../../core/ids.ts'
import { Reply } from '../../endpoint.ts'
import type { Services } from '../../services.ts'
import { html } from '../html.ts'
import type { View } from './view.ts'

export const dataView: View = {
  isGrave: true,
  show: (visit) => {
    const { messages, token } = visit
    return visit.page({
      title: messages.yourData,
      content: html`<h2>${messages.exportTitle}</h2>
        <p>${messages.exportHint}</p>
        <form method="post">
          ${token}
          <p class="actions"><button>${messages.download}</button></p>
        </form>
        <h2>${messages.deactivate}</h2>
        <p>${messages.deactivateHint}</p>
        <p class="actions">
          <a class="button plain" href="/account?action=org.matrix.account_deactivate">${messages.deactivate}</a>
        </p>`,
    })
  },
  submit: async ({ visitor: { userId } }, services) =>
    new Reply(200, JSON.stringify(await exportOf(userId, services), undefined, 2), {
      'Content-Type': 'application/json',
      'Content-Disposition': 'attachment; filename="account.json"',
      'Cache-Control': 'no-store',
    }),
}

async function exportOf(
  userId: UserId,
  { accounts, profiles, devices, accountData, members, callHistory, clock }: Services,
) {
  const [account, profile, sessions, settings, rooms, calls] = await Promise.all([
    accounts.find(userId),
    profiles.get(userId),
    devices.list(userId),
    accountData.list(userId),
    members.roomsOf(userId),
    callHistory.staysOf(userId),
  ])
  return {
    user_id: userId,
    exported_ts: clock.now(),
    created_ts: account?.createdTs,
    profile,
    sessions: sessions.map(({ deviceId, displayName, lastSeenIp, lastSeenTs }) => ({
      device_id: deviceId,
      display_name: displayName,
      last_seen_ip: lastSeenIp,
      last_seen_ts: lastSeenTs,
    })),
    account_data: settings.map(({ room_id, type, content }) => ({
      ...(room_id === '' ? {} : { room_id }),
      type,
      content: JSON.parse(content) as unknown,
    })),
    rooms: Array.from(rooms.values(), ({ room_id, membership }) => ({ room_id, membership })),
    calls,
  }
}
