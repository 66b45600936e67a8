/** The numbers of `facts/onedrive.md`, section 12. */
import { KiB, MiB } from '../../lib/bytes/sizes.ts'

const MINUTE = 60_000

/** All fragments but the last are multiples of it: 327,680 bytes. */
export const FRAGMENT_UNIT = 320 * KiB
/** SharePoint: from the last accepted fragment on. */
export const SESSION_LIFE_BUSINESS = 15 * MINUTE
export const SESSION_LIFE_PERSONAL = 7 * 24 * 60 * MINUTE
/** Absolute: an upload URL cannot be renewed. */
export const UPLOAD_URL_LIFE = 24 * 60 * MINUTE
/** Absolute; a transfer that runs finishes. */
export const DOWNLOAD_URL_LIFE = 60 * MINUTE
export const DEFAULT_PAGE = 200
export const MAX_PAGE = 1000
export const MAX_BATCH = 20
export const MAX_PATH = { business: 400, personal: 430 } as const
export const MAX_COPY_ITEMS = 30_000
export const MAX_JSON_BYTES = 8 * MiB
/** Seconds. */
export const ACCESS_TOKEN_LIFE = 3599
export const DEVICE_CODE_LIFE = 900
export const DEVICE_POLL_INTERVAL = 5
export const REFRESH_TOKEN_LIFE = 90 * 24 * 60 * 60
