/** How traffic of OneDrive is recorded and told apart. */
import type { RecordingProfile } from '../../lib/simulation/recording-profile.ts'
import { objectOf, textOf } from './json.ts'
import { CopyItem, CreateFolderRenaming, DeleteItem, DownloadContent, UpdateItem, UploadContent } from './operations.ts'

const DOWNLOAD_URLS = ['@microsoft.graph.downloadUrl', '@content.downloadUrl']
const ID = /^[\w!.-]+$/

export const RECORDING: RecordingProfile = {
  service: 'onedrive',
  // Names of the public API (ODA 2.2); moving and renaming are one request.
  operations: {
    [UploadContent.name]: 'upload_small',
    [DownloadContent.name]: 'download',
    [DeleteItem.name]: 'delete',
    [CopyItem.name]: 'copy',
    [UpdateItem.name]: 'move_item',
    [CreateFolderRenaming.name]: 'create_folder'
  },
  contents: { sent: ['upload_small', 'upload_fragment'], received: ['download'] },
  headers: ['range', 'content-range', 'content-type', 'if-match', 'if-none-match', 'prefer'],
  links: {
    // `Location` stands in the parts of a batch.
    properties: [...DOWNLOAD_URLS, 'uploadUrl', 'Location', 'location'],
    located: ['copy'],
    redirected: ['download'],
    pathOf: (property, holder) => DOWNLOAD_URLS.includes(property) ? contentPath(holder) : undefined
  }
}

/** A download is one operation on the item, whatever host serves it. A version has no drive of its own. */
function contentPath (item: Readonly<Record<string, unknown>>): string | undefined {
  const [id, driveId] = [textOf(item['id']), textOf(objectOf(item['parentReference'])?.['driveId'])]
  if (id === undefined || driveId === undefined || !ID.test(id) || !ID.test(driveId)) return undefined
  return `/drives/${driveId}/items/${id}/content`
}
