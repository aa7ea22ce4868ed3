/** How much of everything a user may have: no collection of a user grows without end (T70). */

/** Ids made by `/media/v1/create` that wait for their file. */
export const maxPendingUploads = 5

/** One-time keys that wait for being claimed, on one device. Clients keep 50 to 100. */
export const maxOneTimeKeys = 1000
/** Algorithms with a fallback key, on one device. */
export const maxFallbackKeys = 16
/** Bytes of a device's identity keys, of a cross-signing key, of a one-time key, with their signatures. */
export const maxKeyBytes = 65_536
/** Bytes of the content of a message to a device. */
export const maxToDeviceBytes = 65_536
/** Versions of a key backup that are not deleted. */
export const maxKeyBackups = 100
/** Sessions in one version of a key backup. */
export const maxBackedUpSessions = 1_000_000
/** Bytes of what a client keeps with a backed up session, or in the description of a backup. */
export const maxBackupDataBytes = 65_536
/** Characters of the name of a device. */
export const maxDeviceNameLength = 100
/** Bytes of a dehydrated device. */
export const maxDehydratedDeviceBytes = 1_048_576

/** State events and invites a room can begin with. They are one commit. */
export const maxInitialState = 500
export const maxInitialInvites = 500

/** Bytes of account data of one type. A list of thousands of direct chats fits. */
export const maxAccountDataBytes = 262_144
/** Rows of account data of one user, for all rooms together. */
export const maxAccountDataEntries = 50_000
/** Characters of all account data of one user. */
export const maxAccountDataTotal = 33_554_432

/** A user's own push rules of one kind, the characters of their ids, and those of a rule as JSON. */
export const maxPushRules = 1_000
export const maxPushRuleIdLength = 300
export const maxPushRuleLength = 8_192

/** OpenID tokens of one user that have not expired. */
export const maxOpenIdTokens = 100

/** E-mail addresses and telephone numbers of a user. */
export const maxThreePids = 20

/** Sessions of a user. */
export const maxDevices = 1000
/** Characters of a device's name; more are cut off when a session is opened. */
export const maxDeviceName = 100
/** Characters of a user's name. */
export const maxDisplayName = 256
/** Characters of the address of a user's avatar. */
export const maxAvatarUrl = 1000
/** Bytes of a profile as canonical JSON, and of a key in it. https://spec.matrix.org/v1.19/client-server-api/#profiles */
export const maxProfileBytes = 65_536
export const maxProfileKeyBytes = 255

/** Reports by one user that are not dealt with. */
export const maxReports = 1000
/** Characters of the reason in a report. */
export const maxReportReason = 10_000

/** Characters of a status message. */
export const maxStatusLength = 2_048

/** Filters of one user; the oldest give way. */
export const maxFilters = 100
/** Bytes of a filter. */
export const maxFilterBytes = 16_384

/** Pushers of one user: most sessions have one. */
export const maxPushers = 100
/** Of a pusher: characters and bytes of what names it, characters of its other texts, bytes of what is for the gateway. */
export const maxAppIdLength = 64
export const maxPushkeyBytes = 512
export const maxPusherTextLength = 1_000
export const maxPusherDataBytes = 16_384

/** Clients that have registered for OAuth and have no session. */
export const maxUnusedClients = 10_000
/** Device grants that wait for somebody's consent, of all clients together. */
export const maxDeviceGrants = 10_000
/** Browsers in which a user is logged in on the server's own pages; the oldest give way. */
export const maxBrowserSessions = 20
/** Passkeys of a user, characters in the name of one, and browsers that are about to show one. */
export const maxPasskeys = 20
export const maxPasskeyName = 100
export const maxPasskeyChallenges = 10_000
/** Meetings of two devices that log in by QR code, and the bytes they may leave for each other. */
export const maxRendezvous = 1_000
export const maxRendezvousBytes = 4_096

/** Connections of sliding sync that a session can have at a time: clients have two or three. */
export const maxSlidingConnections = 16
/** Lists in a request of sliding sync, and characters in the name of one. */
export const maxSlidingLists = 100
export const maxListName = 64
/** Rooms that a client subscribes to in a connection of sliding sync, and patterns of state it asks for of each. */
export const maxRoomSubscriptions = 1_000
export const maxRequiredState = 200

/** Threads a user subscribes to or has unsubscribed from. */
export const maxThreadSubscriptions = 20_000

/** Events of one user that wait to be sent, and those that are through and still told of. */
export const maxDelayedEvents = 100
export const maxFinalisedDelayedEvents = 1_000

/** Names of one user at the SFU: each device has one in each call; the oldest give way. */
export const maxCallIdentities = 200
/** Characters of a slot and of a member id of a call. */
export const maxCallIdLength = 255

/** Rooms among which a user chooses one for a chat of Telegram. */
export const maxRuledRooms = 500

/** Links into calls that a user has made and that have not expired, and how long one may be good for, in milliseconds. */
export const maxCallLinks = 100
export const maxCallLinkLife = 30 * 86_400_000
/** Guests who are in calls by one link at a time, and characters of the name that one gives. */
export const maxCallGuests = 50
export const maxGuestName = 60
