/** Wire: https://developers.cloudflare.com/r2/platform/limits/ */
import { GiB, MiB, TiB } from '../../lib/bytes/sizes.ts'

export const MAX_OBJECT_SIZE = 5 * TiB - 5 * GiB
/** Of one PUT, one part or one copied part. */
export const MAX_PUT_SIZE = 5 * GiB - 5 * MiB
export const MAX_KEY_BYTES = 1024
export const MAX_METADATA_BYTES = 8192
export const MAX_PART_NUMBER = 10_000
export const MAX_PAGE = 1000
export const MAX_DELETE_KEYS = 1000
/** 1,000 keys of 1,024 bytes with every byte escaped, or 10,000 parts, fit. */
export const MAX_XML_BYTES = 8 * MiB
