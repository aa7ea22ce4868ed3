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
