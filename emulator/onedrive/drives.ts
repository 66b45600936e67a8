/** The drives of the account and whose they are. */
import type { ContentStore } from '../content-store.ts'
import type { RecordStore } from '../record-store.ts'
import { Drive, type DriveIdentity } from './drive.ts'
import { newDriveId } from './ids.ts'
import type { Flavour } from './quirks.ts'
import type { GoneRecord, ItemRecord } from './records.ts'
import type { ItemFacts } from './tree.ts'

export interface Owner {
  userId: string
  userPrincipalName: string
  displayName: string
}

export interface Place {
  groupId: string
  /** `host,siteCollectionGuid,webGuid` */
  siteId: string
  /** `/sites/team` */
  sitePath: string
}

/** Which drive a request means. */
export type DriveSelector = { kind: 'me' } | { kind: 'drive' | 'user' | 'group' | 'site', id: string }

type Role = 'default' | 'library'
type DriveRecord = DriveIdentity & { role: Role }

const DRIVES = 'onedrive/drives'

export class Drives {
  readonly flavour: Flavour
  readonly owner: Owner
  readonly place: Place
  readonly #contents: ContentStore
  readonly #records: RecordStore
  readonly #byRole = new Map<Role, Drive>()

  constructor (flavour: Flavour, owner: Owner, place: Place, contents: ContentStore, records: RecordStore) {
    this.flavour = flavour
    this.owner = owner
    this.place = place
    this.#contents = contents
    this.#records = records
  }

  /** The owner's own drive. */
  get main (): Drive {
    return this.#byRole.get('default') as Drive
  }

  /** The document library of the site and the group; personal accounts have none. */
  get library (): Drive | undefined {
    return this.#byRole.get('library')
  }

  all (): Drive[] {
    return [...this.#byRole.values()]
  }

  /** The user's drive that the folder holds already. */
  static async kept (records: RecordStore): Promise<DriveIdentity | undefined> {
    return (await records.load<DriveRecord>(DRIVES)).find(record => record.role === 'default')
  }

  /** Reads what the folder holds and creates what it does not. */
  async open (driveId: string | undefined, facts: ItemFacts): Promise<void> {
    const known = await this.#records.load<DriveRecord>(DRIVES)
    const items = await this.#records.load<ItemRecord>('onedrive/items')
    const gone = await this.#records.load<GoneRecord>('onedrive/gone')
    for (const record of this.#wanted(known, driveId)) {
      const drive = new Drive(record, this.#contents, this.#records)
      drive.load(items.filter(item => item.drive === drive.id), gone.filter(item => item.drive === drive.id))
      await drive.open(facts)
      this.#byRole.set(record.role, drive)
      await this.#records.put(DRIVES, drive.id, record)
    }
  }

  find (selector: DriveSelector): Drive | undefined {
    switch (selector.kind) {
      case 'me': return this.main
      case 'user': return [this.owner.userId, this.owner.userPrincipalName].some(id => sameText(id, selector.id)) ? this.main : undefined
      case 'group': return sameText(this.place.groupId, selector.id) ? this.library : undefined
      case 'site': return this.isSite(selector.id) ? this.library : undefined
      case 'drive': return this.byId(selector.id)
    }
  }

  /** Personal drives are found in any case and without their leading zeros, since their ids are seen spelled so. */
  byId (id: string): Drive | undefined {
    if (this.flavour === 'business') return this.all().find(drive => drive.id === id)
    return this.all().find(drive => withoutZeros(drive.id) === withoutZeros(id))
  }

  isSite (id: string): boolean {
    const [host] = this.place.siteId.split(',')
    return [this.place.siteId, 'root', host as string, `${host}:${this.place.sitePath}`].some(known => sameText(known, id))
  }

  #wanted (known: readonly DriveRecord[], driveId: string | undefined): DriveRecord[] {
    const { flavour } = this
    const main = known.find(record => record.role === 'default') ??
      { id: driveId ?? newDriveId(flavour), type: flavour, flavour, role: 'default' as const }
    if (flavour === 'personal') return [main]
    const library = known.find(record => record.role === 'library') ??
      { id: newDriveId(flavour), type: 'documentLibrary' as const, flavour, role: 'library' as const }
    return [main, library]
  }
}

function sameText (a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function withoutZeros (id: string): string {
  return id.toLowerCase().replace(/^0+/, '')
}
