/** How traffic of Azure Files is recorded. */
import type { RecordingProfile } from '../../lib/simulation/recording-profile.ts'

export const RECORDING: RecordingProfile = {
  service: 'azure-files'
}
