/** What endpoints may use: one name for each service of the domain. `compose.ts` builds them. */
import type { Config } from '../config/schema.ts'
import type { AccountDataServices } from '../domain/account-data/open-account-data.ts'
import type { AccountServices } from '../domain/accounts/open-accounts.ts'
import type { AppserviceServices } from '../domain/appservice/open-appservice.ts'
import type { HistoryAdminServices } from '../domain/admin/history/open-history-admin.ts'
import type { AdminServices } from '../domain/admin/open-admin.ts'
import type { DeviceServices } from '../domain/devices/open-devices.ts'
import type { DirectoryServices } from '../domain/directory/open-directory.ts'
import type { EphemeralServices } from '../domain/ephemeral/open-ephemeral.ts'
import type { AnswerServices } from '../domain/federation/answers/open-answers.ts'
import type { EduServices } from '../domain/federation/edus/open-edus.ts'
import type { JoiningServices } from '../domain/federation/joining/open-joining.ts'
import type { ReceivingServices } from '../domain/federation/receive/open-receiving.ts'
import type { ReloadableServerFilter } from '../domain/federation/server-filter.ts'
import type { FederationServices } from '../domain/federation/open-federation.ts'
import type { Media } from '../domain/media/media.ts'
import type { UrlPreviews } from '../domain/media/previews/url-previews.ts'
import type { MediaAdmin } from '../domain/media/media-admin.ts'
import type { MediaLinks } from '../domain/media/media-links.ts'
import type { MediaReader } from '../domain/media/reader.ts'
import type { Thumbnails } from '../domain/media/thumbnails.ts'
import type { OAuthServices } from '../domain/oauth/open-oauth.ts'
import type { PushServices } from '../domain/push/open-push.ts'
import type { HistoryServices } from '../domain/rooms/open-history.ts'
import type { ReadingServices } from '../domain/rooms/open-reading.ts'
import type { RoomServices } from '../domain/rooms/open-rooms.ts'
import type { RoomWriter } from '../domain/rooms/writer.ts'
import type { DelayedEventServices } from '../domain/rtc/open-delayed-events.ts'
import type { CallServices } from '../domain/rtc/open-calls.ts'
import type { SearchServices } from '../domain/search/open-search.ts'
import type { SecondFactorServices } from '../domain/second-factors/open-second-factors.ts'
import type { SsoServices } from '../domain/sso/open-sso.ts'
import type { TelegramLoginServices } from '../domain/telegram-login/open-telegram-login.ts'
import type { OldSync } from '../domain/sync/old-sync.ts'
import type { SyncServices } from '../domain/sync/open-sync.ts'
import type { UpdateDoor } from '../core/telegram-updates.ts'
import type { WebhookDoor } from '../core/webhooks.ts'
import type { Clock } from '../platform/clock.ts'
import type { Metrics } from '../platform/metrics.ts'

export interface Services
  extends
    EphemeralServices,
    AccountServices,
    AccountDataServices,
    AdminServices,
    HistoryAdminServices,
    DeviceServices,
    OAuthServices,
    PushServices,
    Pick<ReadingServices, 'events' | 'members' | 'visibility'>,
    RoomServices,
    HistoryServices,
    DirectoryServices,
    FederationServices,
    ReceivingServices,
    EduServices,
    JoiningServices,
    AnswerServices,
    SyncServices,
    SearchServices,
    CallServices,
    SsoServices,
    SecondFactorServices,
    TelegramLoginServices,
    DelayedEventServices,
    AppserviceServices {
  readonly config: Config
  readonly clock: Clock
  readonly metrics: Metrics
  readonly serverFilter: ReloadableServerFilter
  readonly writer: RoomWriter
  readonly media: Media
  readonly mediaAdmin: MediaAdmin
  readonly mediaLinks: MediaLinks
  readonly mediaReader: MediaReader
  readonly thumbnails: Thumbnails
  readonly oldSync: OldSync
  readonly urlPreviews: UrlPreviews | undefined
  readonly webhooks: WebhookDoor
  readonly telegramUpdates: UpdateDoor
}
