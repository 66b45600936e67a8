/** Versions of a file: request in, response out. */
import { encodeSegment, itemPath } from './addressing.ts'
import type { Address } from './addressing.ts'
import { dateOf, numberOf, objectOf, textOf } from './json.ts'
import type { JsonObject } from './json.ts'
import { ListVersions, RestoreVersion } from './operations.ts'
import { about, graph, readJson, readNothing, readPage } from './wire.ts'
import type { GraphOperation, Page } from './wire.ts'

export interface OneDriveVersion {
  /** `3.0` on SharePoint. */
  id: string
  /** Bytes. */
  size: number
  modifiedAt: Date | undefined
  /** Display name of who made it. */
  modifiedBy: string | undefined
}

/** Newest first; the first one is the current. Wire: https://learn.microsoft.com/graph/api/driveitem-list-versions */
export function listVersions (address: Address, link?: string): GraphOperation<Page<OneDriveVersion, string>> {
  const told = about(ListVersions, 'list the versions of', address.name)
  return {
    ...told,
    method: 'GET',
    where: link === undefined ? graph(itemPath(address, '/versions')) : { kind: 'page', link },
    read: async response => readPage(await readJson(response, told.action), readVersion)
  }
}

function readVersion (json: JsonObject): OneDriveVersion {
  const user = objectOf(objectOf(json['lastModifiedBy'])?.['user'])
  return {
    id: textOf(json['id']) ?? '',
    size: numberOf(json['size']) ?? 0,
    modifiedAt: dateOf(json['lastModifiedDateTime']),
    modifiedBy: textOf(user?.['displayName'])
  }
}

/** Makes a new version of an old one; the answer is 204. Wire: https://learn.microsoft.com/graph/api/driveitemversion-restore */
export function restoreVersion (address: Address, version: string): GraphOperation<void> {
  return {
    ...about(RestoreVersion, `restore version ${JSON.stringify(version)} of`, address.name),
    method: 'POST',
    where: graph(itemPath(address, `/versions/${encodeSegment(version)}/restoreVersion`)),
    body: Buffer.alloc(0),
    read: readNothing
  }
}
