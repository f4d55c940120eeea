// The page of a study says what its JSON document says.
import { compare, literally } from './tables.mjs';

export async function study(page, report) {
  const windows = report.windows.map((it) => `${it.from} to ${it.to}`);
  const combinations = report.results.filter((it) => it.window === 0);
  const of = (at, window) => report.results[at * windows.length + window].summary.performance;
  const steps = report.walk_forward.map((it, at) => it && { ...it, window: windows[at], performance: report.results[it.result].summary.performance }).filter(Boolean);
  const together = steps.reduce((whole, it) => whole * (1 + Number(it.performance.total_return)), 1) - 1;
  const found = [
    ...await compare(page, 'results-table', report.results, {
      Values: (it) => literally(it.values.join(', ')),
      Window: (it) => literally(windows[it.window]),
      'Final value': (it) => it.summary.final_value,
      Return: (it) => it.summary.performance.total_return,
      'Worst fall': (it) => it.summary.performance.max_drawdown.depth,
      Sharpe: (it) => it.summary.performance.sharpe,
      Turnover: (it) => it.summary.turnover_per_year,
      Costs: (it) => it.summary.costs,
    }),
    ...await compare(page, 'grid-table', combinations.map((_, at) => at),
      Object.fromEntries(windows.map((title, window) => [title, (at) => of(at, window).total_return]))),
    ...await compare(page, 'walking-table', [...steps, { performance: { total_return: together, max_drawdown: { depth: null }, sharpe: null } }], {
      Window: (it) => literally(it.window ?? 'Together'),
      Return: (it) => (it.window ? it.performance.total_return : Number(together.toFixed(12))),
      'Worst fall': (it) => it.performance.max_drawdown.depth,
      Sharpe: (it) => it.performance.sharpe,
    }),
  ];
  const scripts = await page.evaluate(() => document.scripts.length);
  if (scripts) found.push(`the page has ${scripts} scripts`);
  return found;
}
