/** Pages for people, whether apps use OAuth or not. */
import { accountPages } from './account/account.ts'
import { confirmLoginPages } from './confirm-login.ts'
import { confirmPages } from './confirm.ts'
import { landingPages } from './landing.ts'
import { loginPages } from './login.ts'
import { oidcPages } from './oidc.ts'
import { forgotPages } from './forgot.ts'
import { newAccountPages } from './new-account.ts'
import { passkeyPages } from './passkey.ts'
import { registerPages } from './register.ts'
import { setupPages } from './setup.ts'
import { statusPages } from './status.ts'
import { telegramPages } from './telegram.ts'
import { telegramWidgetPages } from './telegram-widget.ts'
import { ssoPages } from './sso.ts'

export const pages = [
  ...landingPages,
  ...statusPages,
  ...setupPages,
  ...loginPages,
  ...passkeyPages,
  ...registerPages,
  ...forgotPages,
  ...confirmPages,
  ...confirmLoginPages,
  ...newAccountPages,
  ...ssoPages,
  ...telegramPages,
  ...telegramWidgetPages,
  ...oidcPages,
  ...accountPages,
]
