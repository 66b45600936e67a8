import { GiB, MiB, TiB } from '../../lib/bytes/sizes.ts'

export type HashName = 'quickXorHash' | 'sha1Hash' | 'sha256Hash'

/** How `nextExpectedRanges` is spelled: `26-`, `26-99`, the rest in two pieces, an empty list, or no list at all. */
export type RangeForm = 'open' | 'closed' | 'several' | 'empty' | 'missing'

export interface PartialCommit {
  /** Of each fragment, by the emulator's seed. */
  probability: number
  /** What the client hears: 202 with the new ranges, an error of this status, or a connection reset. `'accepted'` unless given. */
  answer?: 'accepted' | 'reset' | number
}

/**
 * Habits of OneDrive and SharePoint that catch clients out, each as a switch that may be turned at any time. The defaults
 * are what the service of that flavour does, as far as that is known.
 */
export interface OneDriveQuirks {
  /** Hashes of files. Business: quickXorHash; personal: with sha256Hash. An empty list leaves `hashes` empty. */
  hashes: readonly HashName[]
  /** Bytes of the largest simple PUT; above it 413. 262,144,000; the older documents' limit is 4 MiB. */
  smallUploadLimit: number
  /** Bytes of the largest fragment. One less than 60 MiB; SharePoint's front end takes 262,144,000. */
  maxFragmentSize: number
  /** Bytes of the largest file. 250 GiB. */
  maxFileSize: number
  /** Bytes that a drive holds, all versions counted, before 507. 1 TiB. */
  quota: number
  /** A fragment, not the last, that is no multiple of 320 KiB: 400 at once, or a 500 when the file is complete. `'refuse'`. */
  unalignedFragments: 'refuse' | 'fail-at-commit'
  /** A fragment whose connection broke: nothing of it is kept, or what came is. `'drop'`. */
  brokenFragments: 'drop' | 'keep'
  /** Commits only a random prefix of some fragments. Off. */
  partialCommit: PartialCommit | undefined
  /** `'usual'` is closed after a fragment and open for a status; `'mixed'` takes any form by the seed. `'usual'`. */
  nextExpectedRanges: RangeForm | 'usual' | 'mixed'
  /** After so many accepted fragments a session is over. Infinity. */
  sessionFragments: number
  /** What is said of a session that is over. 404 `itemNotFound`. */
  endedSession: 'itemNotFound' | 'uploadSessionNotFound'
  /** What is said when the token in an upload URL is over: 401 `unauthenticated`, or 403 `accessDenied` as newer SharePoint. */
  expiredUploadUrl: 401 | 403
  /** What an upload session does to an existing file unless told. Documented is `'fail'`, reported and default is `'replace'`. */
  sessionConflict: 'fail' | 'replace'
  /** A session for an item by its id alone: personal drives say that the name is not in the URL. Off for personal. */
  sessionById: boolean
  /** `fileSize` in the request for a session is a 400. On for business. */
  refuseFileSize: boolean
  /** 409 for a second session of one name while the first is open. On for business. */
  oneSessionPerName: boolean
  /** Starting a session on a file changes the file's eTag, so that its `If-Match` fails at the end. Off. */
  sessionChangesETag: boolean
  /** SharePoint writes properties into Office, PDF and HTML files: size and hash are others than sent. `false`. */
  enrichUploads: false | 'at-once' | 'after-answer'
  /** The file that an upload has made is told of without its hashes, which appear later. Off. */
  lateHashes: boolean
  /** The last fragment of a session is answered with 200 and no item, as seen on personal drives. Off. */
  emptyFinalAnswer: boolean
  /** DELETE with `If-Match` is a 412 even with the right tag, as was long reported. Off. */
  deleteRefusesIfMatch: boolean
  /** An `Authorization` header on an upload, download or monitor URL: 401, or not looked at. `'refuse'`. */
  capabilityAuthorization: 'refuse' | 'ignore'
  /** A download URL dies after so many requests. Infinity. */
  downloadRequests: number
  /** A download URL dies once it has served so many bytes; the transfer that runs goes on to its end. Infinity. */
  downloadBytes: number
  /** Status of a dead download URL. 401. */
  expiredDownload: 401 | 403 | 404 | 410
  /** Files with such names have the `malware` facet, and their download is a 403. None. */
  infected: RegExp | undefined
  /** `Range` on files is served, or ignored with a 200. `'serve'`. */
  ranges: 'serve' | 'ignore'
  /** The same for versions, where it was reported ignored. `'ignore'`. */
  versionRanges: 'serve' | 'ignore'
  /** How often a copy says that it is in progress before it is done. 1. */
  copyPolls: number
  /** After so many milliseconds a copy is done though nobody asked. 1000. */
  copyMs: number
  /** The end of a copy: 200 with `status`, or 303 to the item. 200. */
  copyDone: 200 | 303
  /** The answer to a move or rename. 200 with the item; SharePoint also says 204, or 202 with a monitor. */
  moveAnswer: 200 | 202 | 204
  /** A move or rename sets the file's own times to now unless they are sent along. Off. */
  moveResetsTimes: boolean
  /** Delta pages repeat their first entry at the end. Off. */
  repeatedDeltaEntries: boolean
  /** Every delta begins with an empty page that has a next link. Off. */
  emptyDeltaPages: boolean
  /** What vanishes while a first delta is still being paged is never told. Off. */
  forgetfulDelta: boolean
  /** Search finds what changed only after so many milliseconds. 0. */
  searchDelayMs: number
  /** The first so many lookups of a new item answer 404. 0. */
  notFoundAfterCreate: number
  /** An app-only token on `/me`: 400, or served as the drive's owner. `'refuse'`. */
  appOnlyMe: 'refuse' | 'serve'
  /** Personal drives spell their id in capitals and with leading zeros in one place and without in another. Off. */
  mixedDriveIds: boolean
  /** Throttled answers say `Retry-After`. On. */
  retryAfter: boolean
  /** Units a minute before 429, of which RateLimit headers tell from 80 % on. `false`; the smallest tenants have 1,250. */
  unitsPerMinute: number | false
  /** Sends 429 or 503. 429. */
  throttleStatus: 429 | 503
  /** Parts that a `$batch` answers come in random order. On. */
  shuffledBatches: boolean
  /** A device code is approved by this many polls, or by `approveDevice()` alone. Infinity. */
  approveDeviceAfter: number
}

export type Flavour = 'personal' | 'business'

export function defaultQuirks (flavour: Flavour): OneDriveQuirks {
  const business = flavour === 'business'
  return {
    hashes: business ? ['quickXorHash'] : ['quickXorHash', 'sha256Hash'],
    smallUploadLimit: 262_144_000,
    maxFragmentSize: 60 * MiB - 1,
    maxFileSize: 250 * GiB,
    quota: TiB,
    unalignedFragments: 'refuse',
    brokenFragments: 'drop',
    partialCommit: undefined,
    nextExpectedRanges: 'usual',
    sessionFragments: Infinity,
    endedSession: 'itemNotFound',
    expiredUploadUrl: 401,
    sessionConflict: 'replace',
    sessionById: business,
    refuseFileSize: business,
    oneSessionPerName: business,
    sessionChangesETag: false,
    enrichUploads: false,
    lateHashes: false,
    emptyFinalAnswer: false,
    deleteRefusesIfMatch: false,
    capabilityAuthorization: 'refuse',
    downloadRequests: Infinity,
    downloadBytes: Infinity,
    expiredDownload: 401,
    infected: undefined,
    ranges: 'serve',
    versionRanges: 'ignore',
    copyPolls: 1,
    copyMs: 1000,
    copyDone: 200,
    moveAnswer: 200,
    moveResetsTimes: false,
    repeatedDeltaEntries: false,
    emptyDeltaPages: false,
    forgetfulDelta: false,
    searchDelayMs: 0,
    notFoundAfterCreate: 0,
    appOnlyMe: business ? 'refuse' : 'serve',
    mixedDriveIds: false,
    retryAfter: true,
    unitsPerMinute: false,
    throttleStatus: 429,
    shuffledBatches: true,
    approveDeviceAfter: Infinity
  }
}
