import t from 'tap'
import { barPanels, linePlot } from '../../../bench/harness/plot.ts'

/** Every element is closed, in the right order. */
function isWellFormed (svg: string): boolean {
  const open: string[] = []
  for (const [, end, name = '', alone] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (alone === '/') continue
    if (end === '/' && open.pop() !== name) return false
    if (end !== '/') open.push(name)
  }
  return open.length === 0
}

t.test('bars are as long as their values, the longest one as long as there is room', async t => {
  const svg = barPanels([{ title: 'Rate', unit: 'MiB/s', bars: [{ name: 'ours', value: 500, ours: true }, { name: 'a <b> & c', value: 125, ours: false }] }])
  const widths = [...svg.matchAll(/<rect x="[^"]*" y="[^"]*" width="([^"]*)"/g)].map(match => Number(match[1]))
  t.equal(widths.length, 2)
  t.equal((widths[0] ?? 0) / (widths[1] ?? 0), 4)
  t.match(svg, 'a &lt;b> &amp; c')
  t.ok(isWellFormed(svg))
})

t.test('lines begin at the origin and end within the axes', async t => {
  const svg = linePlot('Memory', 'seconds', 'MiB', [{ name: 'first', points: [[0, 0], [10, 100]] }, { name: 'second', points: [[0, 0], [5, 50]] }])
  const lines = [...svg.matchAll(/points="([^"]*)"/g)].map(match => (match[1] ?? '').split(' '))
  t.equal(lines.length, 2)
  t.equal(lines[0]?.[0], lines[1]?.[0])
  const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = lines.map(points => (points[1] ?? '').split(',').map(Number))
  const [x0 = 0, y0 = 0] = (lines[0]?.[0] ?? '').split(',').map(Number)
  t.equal(x1 - x0, 2 * (x2 - x0))
  t.equal(y0 - y1, 2 * (y0 - y2))
  t.ok(isWellFormed(svg))
})
