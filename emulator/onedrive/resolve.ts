/** Addresses to items. */
import { type Call, driveOf, factsOf } from './call.ts'
import type { Drive } from './drive.ts'
import { invalidRequest, itemNotFound, nameAlreadyExists } from './errors.ts'
import { checkName, checkPathLength, identity } from './names.ts'
import { decodeLoosely } from './query.ts'
import type { ItemAddress } from './route.ts'
import { type FileItem, type Folder, type Item, type ItemFacts, namesOf } from './tree.ts'

/** Folders with names of their own, which appear when they are first asked for. */
const SPECIAL: Readonly<Record<string, readonly string[]>> = {
  documents: ['Documents'],
  photos: ['Pictures'],
  cameraroll: ['Pictures', 'Camera Roll'],
  music: ['Music'],
  approot: ['Apps', 'Sluice']
}

/** Where something is to be written: the item that has the name, if there is one, and where else it would be. */
export interface Target {
  drive: Drive
  /** The folder, or the deepest one on the way that exists. */
  folder: Folder
  /** Folders on the way that are missing. */
  missing: string[]
  name: string
  item: Item | undefined
  /** Addressed by a path, not by its own id. */
  byPath: boolean
}

/** @throws {GraphError} 404 */
export async function resolveItem (call: Call): Promise<{ drive: Drive, item: Item }> {
  const drive = driveOf(call)
  const base = await resolveBase(call, drive)
  const item = descend(base, call.route.item?.names ?? [])
  if (item === undefined) throw itemNotFound()
  return { drive, item }
}

/** @throws {GraphError} 404, or 400 when it is no file */
export async function resolveFile (call: Call): Promise<{ drive: Drive, file: FileItem }> {
  const { drive, item } = await resolveItem(call)
  if (item.kind !== 'file') throw invalidRequest('The item is not a file.')
  return { drive, file: item }
}

/** @throws {GraphError} 404, or 400 when it is no folder */
export async function resolveFolder (call: Call): Promise<{ drive: Drive, folder: Folder }> {
  const { drive, item } = await resolveItem(call)
  if (item.kind !== 'folder') throw invalidRequest('The item is not a folder.')
  return { drive, folder: item }
}

/** @throws {GraphError} 404 when the id is unknown, 400 when the address cannot be that of a file */
export async function resolveTarget (call: Call): Promise<Target> {
  const drive = driveOf(call)
  const base = await resolveBase(call, drive)
  const names = call.route.item?.names ?? []
  const name = names.at(-1)
  if (name === undefined) return targetById(drive, base)
  const { folder, missing } = descendAsFar(base, names.slice(0, -1))
  checkPath(drive, [...namesOf(folder), ...missing, name])
  const item = missing.length === 0 ? folder.children.get(identity(name)) : undefined
  if (item === undefined) checkName(name, { flavour: drive.flavour, folder: false, atRoot: folder.parent === undefined && missing.length === 0 })
  return { drive, folder, missing, name, item, byPath: true }
}

/** The folder of a target, with those on the way created. */
export function openFolder ({ drive, folder, missing }: Pick<Target, 'drive' | 'folder' | 'missing'>, facts: ItemFacts): Promise<Folder> {
  return createFolders(drive, folder, missing, facts)
}

/** A `parentReference` of a request: by id, or by a path such as `/drive/root:/a`. @throws {GraphError} */
export function resolveParent (drive: Drive, { id, path }: { id?: string | undefined, path?: string | undefined }): Folder {
  const item = id === undefined ? descend(drive.root, pathNames(path ?? '')) : parentById(drive, id)
  if (item?.kind !== 'folder') throw itemNotFound('The parent folder could not be found.')
  return item
}

export function checkPath (drive: Drive, names: readonly string[]): void {
  checkPathLength(names.join('/'), drive.flavour)
}

function parentById (drive: Drive, id: string): Item | undefined {
  if (id === 'root') throw invalidRequest('The parentReference id "root" is not valid: the id of the root folder is needed.')
  return drive.get(id)
}

function pathNames (path: string): string[] {
  const colon = path.indexOf(':')
  return decodeLoosely(path.slice(colon + 1)).split('/').filter(name => name !== '')
}

async function resolveBase (call: Call, drive: Drive): Promise<Item> {
  const base: ItemAddress['base'] = call.route.item?.base ?? 'root'
  if (base === 'root') return drive.root
  if ('special' in base) return specialFolder(call, drive, base.special)
  const item = drive.get(base.id)
  if (item === undefined) throw itemNotFound()
  return item
}

async function specialFolder (call: Call, drive: Drive, name: string): Promise<Folder> {
  const names = SPECIAL[name.toLowerCase()]
  if (names === undefined) throw itemNotFound(`The special folder ${name} could not be found.`)
  const { folder, missing } = descendAsFar(drive.root, names)
  return createFolders(drive, folder, missing, factsOf(call))
}

function targetById (drive: Drive, item: Item): Target {
  if (item.parent === undefined) throw invalidRequest('The root of a drive cannot have content.')
  return { drive, folder: item.parent, missing: [], name: item.name, item, byPath: false }
}

function descend (base: Item, names: readonly string[]): Item | undefined {
  let item: Item | undefined = base
  for (const name of names) item = item?.kind === 'folder' ? item.children.get(identity(name)) : undefined
  return item
}

function descendAsFar (base: Item, names: readonly string[]): { folder: Folder, missing: string[] } {
  if (base.kind !== 'folder') throw itemNotFound()
  let folder: Folder = base
  for (const [index, name] of names.entries()) {
    const child = folder.children.get(identity(name))
    if (child === undefined) return { folder, missing: names.slice(index) }
    if (child.kind === 'file') throw nameAlreadyExists()
    folder = child
  }
  return { folder, missing: [] }
}

export async function createFolders (drive: Drive, from: Folder, names: readonly string[], facts: ItemFacts): Promise<Folder> {
  let folder = from
  for (const name of names) {
    const existing = folder.children.get(identity(name)) // another request may have been faster
    if (existing?.kind === 'file') throw nameAlreadyExists()
    checkName(name, { flavour: drive.flavour, folder: true, atRoot: folder.parent === undefined })
    folder = existing ?? await drive.createFolder(folder, name, facts)
  }
  return folder
}
