/** Whether the server works, for everybody who wonders. What is asked by programs is `/readyz`. */
import { documentLinks } from './register.ts'
import { html } from './html.ts'
import { page } from './page.ts'

const status = page({
  path: '/status',
  show: async (visit, { config, health, calls }) => {
    const { messages } = visit
    const { server_name: serverName, federation, registration, support } = config
    const isReady = await health.isReady()
    return visit.page({
      title: messages.statusOf(serverName),
      status: isReady ? 200 : 503,
      content: html`<p role="status">${isReady ? messages.serverWorks : messages.serverFails}</p>
        <dl>
          <dt>${messages.groupCalls}</dt>
          <dd>${calls ? messages.switchedOn : messages.switchedOff}</dd>
          <dt>${messages.otherServers}</dt>
          <dd>${federation.mode === 'open' ? messages.switchedOn : messages.switchedOff}</dd>
          ${
            support.email !== undefined &&
            html`<dt>${messages.help}</dt>
              <dd><a href="mailto:${support.email}">${support.email}</a></dd>`
          }
          ${
            support.page !== undefined &&
            html`<dt>${messages.help}</dt>
              <dd><a href="${support.page}">${support.page}</a></dd>`
          }
        </dl>
        ${registration.terms.map((document) => html`<p class="soft">${documentLinks(messages, document)}</p>`)}`,
    })
  },
})

export const statusPages = [...status]
