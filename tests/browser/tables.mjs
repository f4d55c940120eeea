// Tables of a page beside the figures of the document that it was made from.

/** Every row of a table: for each column its text and, where it holds a number, the exact value. */
export function rows(page, id) {
  return page.evaluate((id) => {
    const table = document.getElementById(id);
    if (!table) return null;
    const titles = [...table.tHead.rows[0].cells].map((it) => it.textContent);
    return [...table.querySelectorAll('tbody tr, tfoot tr')].map((row) =>
      Object.fromEntries([...row.cells].map((cell, at) => {
        const data = cell.querySelector('data');
        return [titles[at], { text: cell.textContent.trim(), shown: data?.textContent, value: data?.value }];
      })));
  }, id);
}

/** Compares the rows of a table with what the document says; `columns` names how to get a column from an entry. */
export async function compare(page, id, entries, columns) {
  const found = [];
  const seen = await rows(page, id);
  if (!seen) return [`there is no table #${id}`];
  if (seen.length !== entries.length) found.push(`#${id} has ${seen.length} rows for ${entries.length}`);
  entries.forEach((entry, at) => {
    for (const [title, get] of Object.entries(columns)) {
      const expected = get(entry);
      const cell = seen[at]?.[title];
      if (expected === null) continue;
      if (expected instanceof RegExp ? !expected.test(cell?.text ?? '') : cell?.value !== String(expected)) {
        found.push(`#${id}, row ${at + 1}, ${title}: ${JSON.stringify(cell)} instead of ${expected}`);
      }
      if (cell?.value !== undefined) found.push(...rounding(`#${id}, row ${at + 1}, ${title}`, cell));
    }
  });
  return found;
}

/** What is shown is the exact value, rounded as far as it shows digits. */
export function rounding(where, { shown, value }) {
  if (shown.startsWith('<')) return [];
  const percent = shown.endsWith('%');
  const digits = shown.replace(/[,%\s]/g, '');
  const places = digits.split('.')[1]?.length ?? 0;
  const off = Math.abs(Number(digits) - Number(value) * (percent ? 100 : 1));
  return off <= 0.5000001 * 10 ** -places + Math.abs(Number(value)) * 1e-12 ? [] : [`${where} shows ${shown} for ${value}`];
}

export const literally = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
