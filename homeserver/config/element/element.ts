/**
 * What Element Web and Desktop have to know of this server. Nothing in it leads to a third party: no identity server, no
 * integrations, no analytics, no maps, no Jitsi.
 * https://github.com/element-hq/element-web/blob/develop/docs/config.md
 */
import type { Config } from '../schema.ts'
import { dark, light } from './themes.ts'

export function elementConfig(config: Config): object {
  const { public_url: baseUrl, server_name: serverName, registration, federation, mail, web } = config
  return {
    default_server_config: { 'm.homeserver': { base_url: baseUrl, server_name: serverName } },
    brand: web.brand,
    default_theme: `custom-${light.name}`,
    disable_custom_urls: true,
    disable_guests: true,
    disable_3pid_login: mail.host === undefined,
    default_federate: federation.mode !== 'off',
    show_labs_settings: false,
    branding: { auth_footer_links: footerLinks(config) },
    embedded_pages: { login_for_welcome: true },
    element_call: { use_exclusively: true, brand: `${web.brand} Call` },
    features: { feature_video_rooms: true, feature_element_call_video_rooms: true },
    setting_defaults: {
      custom_themes: [light, dark],
      'UIFeature.identityServer': false,
      'UIFeature.feedback': false,
      'UIFeature.thirdPartyId': mail.host !== undefined,
      'UIFeature.passwordReset': mail.host !== undefined,
      'UIFeature.registration': registration.mode !== 'closed',
      'UIFeature.locationSharing': false,
    },
    room_directory: { servers: [serverName] },
    enable_presence_by_hs_url: { [baseUrl]: config.presence !== 'off' },
    terms_and_conditions_links: termsLinks(config),
    bug_report_endpoint_url: 'local', // kept on the own machine
    report_event: { admin_message_md: `Reports go to those who run ${serverName}.` },
    ...(config.support.page === undefined ? {} : { help_url: config.support.page }),
  }
}

const footerLinks = (config: Config) => [
  { text: config.server_name, url: config.public_url },
  { text: 'Status', url: `${config.public_url}/status` },
  ...termsLinks(config),
]

/** In their first language: Element shows one link for each. */
function termsLinks({ registration: { terms } }: Config): { text: string; url: string }[] {
  return terms.flatMap(({ id: _id, version: _version, ...languages }) => {
    const translations = Object.values(languages).filter((each) => typeof each === 'object')
    return translations.slice(0, 1).map(({ name, url }) => ({ text: name, url }))
  })
}
