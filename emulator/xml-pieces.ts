/** What the XML of the services is put together from, and read into. */

/** A child: nothing, one element, or many. */
export type Xml = string | undefined | readonly Xml[]

export function flatten (children: readonly Xml[]): string {
  let text = ''
  for (const child of children) {
    if (typeof child === 'string') text += child
    else if (child !== undefined) text += flatten(child)
  }
  return text
}

/** A parsed element: its text when it has no children, else its children by name, in lists. */
export type Parsed = string | { readonly [name: string]: readonly Parsed[] }
