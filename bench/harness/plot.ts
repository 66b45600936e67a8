/** Plots as SVG, with nothing but text and rectangles. */

export interface Bar { name: string, value: number, ours: boolean }
export interface Panel { title: string, unit: string, bars: Bar[] }
export interface Line { name: string, points: Array<[x: number, y: number]> }

const FONT = 'font-family="system-ui, sans-serif"'
const INK = '#24292f'
const PALE = '#8c959f'
const OURS = '#0969da'
const COLOURS = ['#0969da', '#54aeff', '#1a7f37', '#4ac26b', '#cf222e', '#bf8700', '#8250df', '#6e7781']

const PANEL_WIDTH = 470
const NAME_WIDTH = 190
const VALUE_WIDTH = 70
const ROW = 20
const HEAD = 34

/** Panels of bars, two in a row; the longest bar of a panel fills it. */
export function barPanels (panels: readonly Panel[]): string {
  const body: string[] = []
  let top = 10
  for (let index = 0; index < panels.length; index += 2) {
    const row = panels.slice(index, index + 2)
    row.forEach((panel, column) => body.push(drawPanel(panel, 10 + column * PANEL_WIDTH, top)))
    top += HEAD + ROW * Math.max(...row.map(({ bars }) => bars.length)) + 16
  }
  return page(2 * PANEL_WIDTH + 10, top, body)
}

function drawPanel ({ title, unit, bars }: Panel, left: number, top: number): string {
  const most = Math.max(...bars.map(({ value }) => value))
  const room = PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH - 20
  const rows = bars.map(({ name, value, ours }, index) => {
    const y = top + HEAD + index * ROW
    const width = Math.max(1, value / most * room)
    return text(left + NAME_WIDTH - 6, y + 12, name, { anchor: 'end', bold: ours }) +
      `<rect x="${left + NAME_WIDTH}" y="${y}" width="${round(width)}" height="${ROW - 5}" fill="${ours ? OURS : PALE}"/>` +
      text(left + NAME_WIDTH + width + 5, y + 12, value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(1))
  })
  return text(left, top + 14, `${title} (${unit})`, { bold: true }) + rows.join('')
}

const WIDTH = 950
const HEIGHT = 380
const PLOT = { left: 60, top: 40, right: 270, bottom: 40 }

/** Lines over a common origin, their names beside them. */
export function linePlot (title: string, x: string, y: string, lines: readonly Line[]): string {
  const all = lines.flatMap(({ points }) => points)
  const [mostX, mostY] = [roundUp(Math.max(...all.map(([value]) => value))), roundUp(Math.max(...all.map(([, value]) => value)))]
  const width = WIDTH - PLOT.left - PLOT.right
  const height = HEIGHT - PLOT.top - PLOT.bottom
  const at = ([px, py]: readonly [number, number]): string => `${round(PLOT.left + px / mostX * width)},${round(PLOT.top + height - Math.max(0, py) / mostY * height)}`
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(part => {
    const line = PLOT.top + height * (1 - part)
    return `<line x1="${PLOT.left}" x2="${PLOT.left + width}" y1="${line}" y2="${line}" stroke="#d0d7de" stroke-width="1"/>` +
      text(PLOT.left - 6, line + 4, String(round(mostY * part)), { anchor: 'end' }) + text(PLOT.left + width * part, PLOT.top + height + 18, String(round(mostX * part)), { anchor: 'middle' })
  })
  const drawn = lines.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? INK
    const legend = PLOT.top + 10 + index * 20
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.8" points="${points.map(at).join(' ')}"/>` +
      `<rect x="${WIDTH - PLOT.right + 20}" y="${legend - 8}" width="12" height="4" fill="${colour}"/>` + text(WIDTH - PLOT.right + 38, legend - 2, name)
  })
  return page(WIDTH, HEIGHT, [text(PLOT.left, 22, `${title} (${y})`, { bold: true }), ...ticks, ...drawn, text(PLOT.left + width / 2, HEIGHT - 6, x, { anchor: 'middle' })])
}

function page (width: number, height: number, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${FONT} font-size="12">` +
    `<rect width="${width}" height="${height}" fill="#ffffff"/>${body.join('\n')}</svg>\n`
}

function text (x: number, y: number, content: string, { anchor = 'start', bold = false }: { anchor?: 'start' | 'middle' | 'end', bold?: boolean } = {}): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="${INK}" text-anchor="${anchor}"${bold ? ' font-weight="600"' : ''}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`
}

function round (value: number): number {
  return Math.round(value * 10) / 10
}

/** The next of 1, 2, 4, 5, 8, 10 times a power of ten. */
function roundUp (value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)))
  return ([1, 2, 4, 5, 8, 10].find(step => step * power >= value) ?? 10) * power
}
