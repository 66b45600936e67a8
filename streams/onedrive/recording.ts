/** How traffic of OneDrive is recorded. */
import type { RecordingProfile } from '../../lib/simulation/recording-profile.ts'
import { CopyItem, CreateFolderRenaming, DeleteItem, DownloadContent, UpdateItem, UploadContent } from './operations.ts'

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
  }
}
