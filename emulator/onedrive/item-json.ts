/** Items as `driveItem` resources. */
import type { Context } from './call.ts'
import type { Drive } from './drive.ts'
import { cTagOf, eTagOf } from './etags.ts'
import { mimeTypeOf } from './mime.ts'
import { formatTime } from './times.ts'
import { currentVersion, type FileItem, type Gone, type Item, namesOf, sizeOf } from './tree.ts'

export type ItemJson = Record<string, unknown>

export interface ItemView {
  now: number
  /** Delta leaves both out, search the second. */
  downloadUrl: boolean
  parentPath: boolean
}

export function itemJson (context: Context, drive: Drive, item: Item, view: ItemView): ItemJson {
  const { flavour } = drive
  const cTag = cTagOf(item, flavour)
  return {
    ...(view.downloadUrl && item.kind === 'file' ? { '@microsoft.graph.downloadUrl': context.tickets.url(context.filesOrigin, drive, item, view.now) } : {}),
    id: item.id,
    name: item.name,
    size: sizeOf(item),
    eTag: eTagOf(item, flavour),
    ...(cTag === undefined ? {} : { cTag }),
    createdDateTime: formatTime(item.created, flavour),
    lastModifiedDateTime: formatTime(item.modified, flavour),
    webUrl: webUrl(drive, item),
    createdBy: item.createdBy,
    lastModifiedBy: item.modifiedBy,
    ...(item.description === undefined ? {} : { description: item.description }),
    ...(item.parent === undefined ? {} : { parentReference: parentReference(context, drive, item.parent, view.parentPath) }),
    ...(item.kind === 'file' ? { file: fileFacet(item) } : { folder: { childCount: item.children.size } }),
    ...(item.kind === 'file' && isInfected(context, item) ? { malware: { description: 'EICAR_Test_File' } } : {}),
    fileSystemInfo: {
      createdDateTime: formatTime(item.times.created, flavour),
      lastModifiedDateTime: formatTime(item.times.modified, flavour)
    },
    ...(item.parent === undefined ? { root: {}, parentReference: { driveType: drive.type, driveId: shownDriveId(context, drive) } } : {})
  }
}

/** What delta tells of an item that was deleted. */
export function goneJson (context: Context, drive: Drive, gone: Gone): ItemJson {
  return {
    id: gone.id,
    ...(drive.flavour === 'personal' ? { name: gone.name } : { size: 0 }),
    ...(gone.kind === 'file' ? { file: {} } : { folder: {} }),
    deleted: { state: 'deleted' },
    parentReference: { driveId: shownDriveId(context, drive), id: gone.ancestors[0] }
  }
}

export function itemContext (context: Context, drive: Drive, what = 'items/$entity'): string {
  return `${context.graphOrigin}/onedrive/v1.0/$metadata#drives('${encodeURIComponent(drive.id).replaceAll('!', '%21')}')/${what}`
}

/** Personal drives spell their id in capitals here, when told to be as careless as some are. */
export function shownDriveId ({ quirks }: Context, drive: Drive): string {
  return quirks.mixedDriveIds && drive.flavour === 'personal' ? drive.id.toUpperCase().replace(/^0+/, '') : drive.id
}

export function isInfected ({ quirks }: Context, { name }: FileItem): boolean {
  return quirks.infected !== undefined && name.search(quirks.infected) !== -1
}

function fileFacet (file: FileItem): object {
  return { mimeType: mimeTypeOf(file.name), hashes: currentVersion(file).hashes }
}

function parentReference (context: Context, drive: Drive, parent: Item, withPath: boolean): object {
  const names = namesOf(parent)
  return {
    driveType: drive.type,
    driveId: shownDriveId(context, drive),
    id: parent.id,
    ...(parent.parent === undefined ? {} : { name: parent.name }),
    ...(withPath ? { path: `/drives/${drive.id}/root:${names.map(name => `/${encodeURIComponent(name)}`).join('')}` } : {}),
    ...(drive.type === 'documentLibrary' ? { siteId: context.drives.place.siteId } : {})
  }
}

function webUrl (drive: Drive, item: Item): string {
  if (drive.flavour === 'personal') return `https://onedrive.live.com/?id=${encodeURIComponent(item.id)}&cid=${drive.id}`
  const library = drive.type === 'documentLibrary'
    ? 'https://contoso.sharepoint.com/sites/team/Shared%20Documents'
    : 'https://contoso-my.sharepoint.com/personal/ana_contoso_onmicrosoft_com/Documents'
  return [library, ...namesOf(item).map(encodeURIComponent)].join('/')
}
