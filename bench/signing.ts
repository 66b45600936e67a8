// What one signature, one address and one page of a listing cost, against the targets of the specification (R2A 9.1).
import { Signer, canonicalQuery, encodePath } from '../streams/r2/auth.ts'
import { parseXml } from '../streams/r2/xml.ts'
import { printTargets } from './harness/targets.ts'
import type { Target } from './harness/targets.ts'
import { printTable } from './table.ts'

const CREDENTIALS = { accessKeyId: 'a'.repeat(32), secretAccessKey: 'b'.repeat(64) }
const HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const REQUEST = {
  method: 'PUT',
  path: '/bucket/some/longer/path/to/file%20%281%29.bin',
  query: [['partNumber', '17'], ['uploadId', 'AB/c+d==']] as const,
  headers: { host: '0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com', 'content-type': 'application/octet-stream' }
}
const signer = new Signer()

const PAGE = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>b</Name>${Array.from({ length: 1000 }, (_, index) =>
  `<Contents><Key>some%2Flonger%2Fpath%2Ffile-${index}.bin</Key><Size>${index}</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;9e107d9d372bb6826bd81d3542a419d6&quot;</ETag><StorageClass>STANDARD</StorageClass></Contents>`
).join('')}<IsTruncated>true</IsTruncated></ListBucketResult>`

const CASES = [
  { name: 'signature', unit: 'µs', runs: 20_000, targets: [100, 500], run: () => signer.signHeaders(REQUEST, CREDENTIALS, HASH, { time: Date.now() }) },
  { name: 'address', unit: 'µs', runs: 20_000, targets: [10, 50], run: () => encodePath('some/longer/path/to/file (1)! ü.bin') + canonicalQuery(REQUEST.query) },
  { name: 'XML of 1,000 keys', unit: 'ms', runs: 400, targets: [1, 5], run: () => parseXml(PAGE).records('Contents') }
]

const rows = CASES.map(({ name, unit, runs, targets, run }) => {
  const scale = unit === 'ms' ? 1e6 : 1e3
  for (let warmUp = 0; warmUp < runs / 10; warmUp++) run()
  const times = Array.from({ length: runs }, () => {
    const startedAt = process.hrtime.bigint()
    run()
    return Number(process.hrtime.bigint() - startedAt) / scale
  }).sort((a, b) => a - b)
  return [name, unit, times[Math.floor(runs / 2)], targets[0], times[Math.floor(runs * 0.99)], targets[1]]
})
printTable('Work on the main thread for each request or page', [
  { name: 'what' }, { name: 'unit' }, { name: 'p50', digits: 2 }, { name: 'target' }, { name: 'p99', digits: 2 }, { name: 'target' }
], rows)
printTargets(rows.flatMap(([name, unit, p50, p50Target, p99, p99Target]) => [['p50', p50, p50Target], ['p99', p99, p99Target]].flatMap(([which, found, reach]): Target[] =>
  typeof reach === 'number' ? [{ what: `${name}, ${which}`, reach, found: found as number, atMost: true, unit: String(unit) }] : [])))
