/** Wire: https://learn.microsoft.com/rest/api/storageservices/put-range, …/create-file, …/create-share */
import { GiB, MiB, TiB } from '../../lib/bytes/sizes.ts'

export const MAX_RANGE = 4 * MiB
export const MAX_FILE = 4 * TiB
/** Before 2019-12-12. */
export const MAX_FILE_BEFORE = TiB
export const MAX_QUOTA = 102_400
export const QUOTA_UNIT = GiB
export const MAX_METADATA = 8192
export const MAX_PAGE = 5000
export const MAX_SNAPSHOTS = 200
export const MAX_POLICIES = 5
export const MAX_XML = MiB
export const MAX_SOURCE_URL = 2048
