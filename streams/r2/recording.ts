/** How traffic of R2 is recorded. */
import type { RecordingProfile } from '../../lib/simulation/recording-profile.ts'

export const RECORDING: RecordingProfile = {
  service: 'r2'
}
