import { offersOAuth } from '../../domain/oauth/open-oauth.ts'
import { endpoint } from '../endpoint.ts'
import { keepsForATime } from './retention.ts'

const minorVersions = 19

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions */
export const versions = endpoint({
  method: 'GET',
  path: '/_matrix/client/versions',
  auth: 'none',
  limit: 'none',
  handle: (_, { config, calls }) => ({
    versions: listed,
    unstable_features: {
      ...unstableFeatures,
      ...(offersOAuth(config) ? oauthFeatures : {}),
      ...(calls ? callFeatures : {}),
      ...(keepsForATime(config) ? retentionFeatures : {}),
    },
  }),
})

/** Flags of proposals that clients look for. Most of what they name is part of the listed versions. */
const unstableFeatures = {
  'fi.mau.msc2659': true,
  'fi.mau.msc2659.stable': true,
  'org.matrix.e2e_cross_signing': true,
  'org.matrix.msc3391': true,
  'org.matrix.msc3874': true,
  'org.matrix.msc3881': true,
  'org.matrix.msc4028': true,
  'org.matrix.msc4140': true,
  'org.matrix.msc4155': true,
  'org.matrix.msc4174': true,
  'org.matrix.msc4262': true,
  'org.matrix.msc4306': true,
  'org.matrix.msc4354': true,
  'org.matrix.simplified_msc3575': true,
}

const listed = Array.from({ length: minorVersions }, (_, index) => `v1.${index + 1}`)

/** Devices log in by QR code, in both dialects. */
const oauthFeatures = { 'org.matrix.msc4108': true, 'io.element.msc4388': true }

/** Calls of groups go through an SFU, and this server gives tokens for it. */
const callFeatures = { 'org.matrix.msc4143': true, 'io.element.msc4195': true }

/** Messages are deleted when the time is over that their room wishes for. */
const retentionFeatures = { 'org.matrix.msc1763': true }
