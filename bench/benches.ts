/** The table of contents: what each bench asks, and with which arguments `all.ts` runs it. */
export interface Bench {
  /** Of its file. */
  name: string
  asks: string
  full?: string[]
  /** Arguments for a short run; undefined where there is none. */
  quick?: string[]
  /** Options of `all.ts` that it takes too. */
  takes?: Array<'size' | 'rounds'>
  /** Runs only when it is named. */
  onDemand?: boolean
}

const QUICK = ['--quick']
const BOTH: Bench['takes'] = ['size', 'rounds']

export const BENCHES: Bench[] = [
  { name: 'r2-upload', asks: 'How fast is one upload to R2, beside the bare wire and peers?', quick: QUICK, takes: BOTH },
  { name: 'r2-upload-file', asks: 'How fast is the upload of a file, and through gzip?', quick: QUICK, takes: BOTH },
  { name: 'r2-download', asks: 'How fast does one object come from R2?', quick: QUICK, takes: BOTH },
  { name: 'onedrive-upload', asks: 'How fast is an upload to OneDrive, fragment after fragment?', quick: QUICK, takes: BOTH },
  { name: 'azure-files', asks: 'How fast is one transfer of Azure Files, and in how much memory?', full: ['--size', '512'], quick: ['--size', '64', '--rounds', '1'], takes: BOTH },
  { name: 'many-uploads', asks: 'What are 20 uploads at once worth, and what do they hold?', quick: QUICK, takes: BOTH },
  { name: 'small-objects', asks: 'How many objects of 4 KiB a second go to R2?', quick: QUICK, takes: ['rounds'] },
  { name: 'azure-files-small', asks: 'How many small operations a second does Azure Files take?' },
  { name: 'distance', asks: 'What are ranges and parts side by side worth over a distance?', quick: QUICK, takes: BOTH },
  { name: 'listing', asks: 'How fast are 100,000 keys listed?', quick: QUICK, takes: ['rounds'] },
  { name: 'latency', asks: 'How long do small operations take, against the specification?', quick: QUICK },
  { name: 'signing', asks: 'What does each request cost on the main thread?', quick: [] },
  { name: 'chunker', asks: 'What does cutting into chunks cost?', quick: [] },
  { name: 'digests', asks: 'Which implementation of each digest is faster, and where?', quick: [] },
  { name: 'memory', asks: 'Is memory constant, whatever the size?', quick: QUICK },
  { name: 'azure-files-memory', asks: 'Is memory of Azure Files constant?', quick: QUICK },
  { name: 'simulation-memory', asks: 'Is memory constant while bodies are recorded and replayed?', quick: QUICK },
  { name: 'azure-files-listing', asks: 'Does a recursive listing of Azure Files need memory for what it lists?' },
  { name: 'recursive-listing', asks: 'What does a recursive listing of OneDrive hold, and what does it ask for?', quick: QUICK },
  { name: 'cloud-to-cloud', asks: 'Does a file pass through all clouds in constant memory?' },
  { name: 'onedrive-archive', asks: 'Is memory flat for an archive whose size nobody knows?' },
  { name: 'onedrive-download', asks: 'Is a download whole whatever happens to it?' },
  { name: 'azure-lock-fight', asks: 'Is a lock of Azure Files ever held twice?', onDemand: true }
]
