/** Pages for people, whether apps use OAuth or not. */
import { accountPages } from './account/account.ts'
import { confirmPages } from './confirm.ts'
import { loginPages } from './login.ts'
import { registerPages } from './register.ts'

export const pages = [...loginPages, ...registerPages, ...confirmPages, ...accountPages]
