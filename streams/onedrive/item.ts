/** What OneDrive tells of a file or folder. Wire: https://learn.microsoft.com/graph/api/resources/driveitem */
import { Secret } from '../../lib/secret.ts'
import { dateOf, numberOf, objectOf, textOf } from './json.ts'
import type { JsonObject } from './json.ts'

/** `package` is a OneNote notebook, neither file nor folder; `remote` a shortcut to an item of another drive. */
export type ItemType = 'file' | 'folder' | 'package' | 'remote'

export interface OneDriveItem {
  id: string
  name: string
  type: ItemType
  /** Bytes; of a folder, all that it holds. May differ from what a download delivers, where SharePoint rewrites files. */
  size: number
  /** Changes with any property; with its quotes where the service writes them. */
  etag: string | undefined
  /** Changes with the content only; folders have none on SharePoint. */
  ctag: string | undefined
  /** From the root of the drive, with a leading slash; undefined where the answer does not tell, as in a delta. */
  path: string | undefined
  driveId: string | undefined
  driveType: string | undefined
  parentId: string | undefined
  createdAt: Date | undefined
  modifiedAt: Date | undefined
  /** As the uploading client told, which is the time of the file on its disk. */
  fileTimes: FileTimes
  mimeType: string | undefined
  /** As the service writes them: quickXor in base64, the others in upper-case hex. */
  hashes: { quickXor?: string, sha1?: string, sha256?: string }
  childCount: number | undefined
  webUrl: string | undefined
  /** The root of its drive. */
  root: boolean
  /** Of a delta: the item is no more. */
  deleted: boolean
  /** Found to carry malware: its content is refused. */
  malware: boolean
  /** A URL that gives the content to whoever holds it, for about an hour. */
  downloadUrl: Secret | undefined
}

export interface FileTimes {
  created?: Date | undefined
  modified?: Date | undefined
}

/** @param path of the item, where the caller knows it. */
export function readItem (json: JsonObject, path?: string): OneDriveItem {
  const parent = objectOf(json['parentReference']) ?? {}
  const file = objectOf(json['file'])
  const folder = objectOf(json['folder'])
  const name = textOf(json['name']) ?? ''
  const root = objectOf(json['root']) !== undefined
  return {
    id: textOf(json['id']) ?? '',
    name,
    type: typeOf(json),
    size: numberOf(json['size']) ?? 0,
    etag: textOf(json['eTag']),
    ctag: textOf(json['cTag']),
    path: path ?? (root ? '/' : pathOf(textOf(parent['path']), name)),
    driveId: textOf(parent['driveId']),
    driveType: textOf(parent['driveType']),
    parentId: textOf(parent['id']),
    createdAt: dateOf(json['createdDateTime']),
    modifiedAt: dateOf(json['lastModifiedDateTime']),
    fileTimes: readFileTimes(objectOf(json['fileSystemInfo']) ?? {}),
    mimeType: textOf(file?.['mimeType']),
    hashes: readHashes(objectOf(file?.['hashes']) ?? {}),
    childCount: numberOf(folder?.['childCount']),
    webUrl: textOf(json['webUrl']),
    root,
    deleted: objectOf(json['deleted']) !== undefined,
    malware: json['malware'] !== undefined && json['malware'] !== null,
    downloadUrl: readDownloadUrl(json)
  }
}

function typeOf (json: JsonObject): ItemType {
  if (objectOf(json['remoteItem']) !== undefined) return 'remote'
  if (objectOf(json['package']) !== undefined) return 'package'
  return objectOf(json['folder']) !== undefined || objectOf(json['root']) !== undefined ? 'folder' : 'file'
}

/** `/drive/root:/a%20b` or `/drives/{id}/root:`: what follows the colon, decoded. */
function pathOf (parentPath: string | undefined, name: string): string | undefined {
  if (parentPath === undefined) return undefined
  const colon = parentPath.indexOf(':')
  if (colon === -1) return undefined
  return `${decode(parentPath.slice(colon + 1)).replace(/\/$/, '')}/${name}`
}

/** Whether the service encodes the path is not stated: a text that is no encoding stays as it came. */
function decode (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}

function readFileTimes (json: JsonObject): FileTimes {
  return { created: dateOf(json['createdDateTime']), modified: dateOf(json['lastModifiedDateTime']) }
}

function readHashes (json: JsonObject): OneDriveItem['hashes'] {
  const hashes: OneDriveItem['hashes'] = {}
  const quickXor = textOf(json['quickXorHash'])
  const sha1 = textOf(json['sha1Hash'])
  const sha256 = textOf(json['sha256Hash'])
  if (quickXor !== undefined && quickXor !== '') hashes.quickXor = quickXor
  if (sha1 !== undefined && sha1 !== '') hashes.sha1 = sha1
  if (sha256 !== undefined && sha256 !== '') hashes.sha256 = sha256
  return hashes
}

/** The hosts of SharePoint write the second name. */
function readDownloadUrl (json: JsonObject): Secret | undefined {
  const url = textOf(json['@microsoft.graph.downloadUrl']) ?? textOf(json['@content.downloadUrl'])
  return url === undefined ? undefined : new Secret(url)
}

/** Times of a file as a request carries them; undefined where there are none. */
export function fileSystemInfo (times: FileTimes | undefined): JsonObject | undefined {
  if (times?.created === undefined && times?.modified === undefined) return undefined
  return {
    ...(times.created === undefined ? {} : { createdDateTime: isoTime('created', times.created) }),
    ...(times.modified === undefined ? {} : { lastModifiedDateTime: isoTime('modified', times.modified) })
  }
}

function isoTime (name: string, date: Date): string {
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) throw new TypeError(`Cannot use fileTimes.${name} as it must be a valid Date: received ${String(date)}`)
  return date.toISOString()
}
