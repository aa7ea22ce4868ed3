import type { Visitor } from '../../../domain/oauth/browser-sessions.ts'
import type { Reply } from '../../endpoint.ts'
import type { Services } from '../../services.ts'
import type { Page } from '../layout.ts'
import type { Visit } from '../page.ts'

/** A visit of somebody who is logged in. */
export interface AccountVisit extends Omit<Visit, 'visitor' | 'page'> {
  readonly visitor: Visitor
  page(page: Pick<Page, 'title' | 'content' | 'status' | 'script'>): Reply
}

export interface View {
  /** Whether it needs a recent login, because it cannot be undone or gives much away. */
  readonly isGrave?: boolean
  show(visit: AccountVisit, services: Services): Promise<Reply> | Reply
  submit?(visit: AccountVisit & { readonly form: URLSearchParams }, services: Services): Promise<Reply> | Reply
}
