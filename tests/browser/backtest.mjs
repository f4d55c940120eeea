// The page of a backtest says what its JSON document says, in tables and in what its charts draw.
import { compare } from './tables.mjs';

export async function backtest(page, report) {
  const months = report.monthly;
  const sum = (numbers) => Number(numbers.reduce((a, b) => a + Number(b), 0).toFixed(8));
  const total = { date: 'Total', outcome: 'rebalance', turnover: 0, estimated_cost: sum(report.runs.map((it) => it.estimated_cost)), actual_cost: sum(report.runs.map((it) => it.actual_cost)) };
  const found = [
    ...await compare(page, 'value-table', months, {
      Month: (it) => new RegExp(`^${it.year}-${String(it.month).padStart(2, '0')}$`),
      Value: (it) => it.value,
    }),
    ...await compare(page, 'runs-table', [...report.runs, total], {
      Day: (it) => new RegExp(`^${it.date}$`),
      Turnover: (it) => (Number(it.turnover) ? it.turnover : null),
      'Expected cost': (it) => (it.outcome === 'rebalance' ? it.estimated_cost : null),
      'Actual cost': (it) => (it.outcome === 'rebalance' ? it.actual_cost : null),
    }),
    ...await compare(page, 'trades-table', report.runs.flatMap((run) => run.orders.map((order) => ({ ...order, planned: run.date }))).reverse(), {
      Order: (it) => new RegExp(`${it.key}$`),
      Planned: (it) => new RegExp(`^${it.planned}$`),
      Filled: (it) => new RegExp(`^${it.fill?.date ?? 'not filled'}$`),
      Quantity: (it) => (it.fill ?? it).quantity,
      Price: (it) => it.fill?.price ?? it.reference_price,
      Notional: (it) => (it.fill ?? it).notional,
      'Expected cost': (it) => it.estimated_cost,
      'Actual cost': (it) => it.fill && Number((Number(it.fill.fee) + Number(it.fill.spread_cost) + Number(it.fill.impact_cost)).toFixed(8)),
    }),
    ...await compare(page, 'dropped-table', report.dropped, { Rows: (it) => it.rows }),
  ];
  const cells = await page.evaluate(() => [...document.querySelectorAll('#months-table tbody tr')].flatMap((row) =>
    [...row.querySelectorAll('td[data-label]:not([data-label="Total"]) data')].map((it) => it.value)));
  const returns = months.map((it) => it.return);
  if (String(cells.map(Number)) !== String(returns.map(Number))) found.push(`monthly returns are ${cells}, not ${returns}`);
  const profits = await page.evaluate(() => [...document.querySelectorAll('#assets-table td[data-label="Profit"] data')].map((it) => Number(it.value)));
  const told = report.assets.map((it) => Number(it.profit));
  if (profits.length !== told.length || Math.abs(sum(profits) - sum(told)) > 0.0001) found.push(`profits ${profits} are not ${told}`);
  found.push(...await charts(page, report));
  return found;
}

/** Every chart is drawn with the document's days and values, and tells a day by key. */
async function charts(page, report) {
  const found = [];
  const data = await page.evaluate(() => JSON.parse(document.getElementById('charts').textContent));
  const lines = { value: [report.daily.value, ...report.benchmarks.map((it) => it.value)], drawdown: [report.daily.drawdown, ...report.benchmarks.map((it) => it.drawdown)] };
  for (const [id, expected] of Object.entries(lines)) {
    const chart = data.find((it) => it.id === id);
    if (chart.days.length !== report.daily.dates.length) found.push(`${id} has ${chart.days.length} days`);
    expected.forEach((values, at) => {
      const off = values.findIndex((value, day) => Math.abs(Number(value) - chart.series[at].values[day]) > (id === 'value' ? 0.0051 : 0.000051));
      if (off >= 0) found.push(`${id}, ${chart.series[at].name}, day ${off}: ${chart.series[at].values[off]} instead of ${values[off]}`);
    });
  }
  const weights = data.find((it) => it.id === 'weights-over-time');
  const sums = weights.days.map((_, day) => weights.series.reduce((sum, { values }) => sum + values[day], 0));
  if (sums.some((it) => Math.abs(it - 1) > 0.005)) found.push(`weights of a day sum to ${sums.find((it) => Math.abs(it - 1) > 0.005)}`);
  for (const { id } of data) {
    const drawn = await page.evaluate((id) => {
      const canvas = document.querySelector(`[data-chart="${id}"] canvas`);
      if (!canvas?.width) return 0;
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      const colors = new Set();
      for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3] > 200) colors.add(`${pixels[at]},${pixels[at + 1]},${pixels[at + 2]}`);
      return colors.size;
    }, id);
    if (drawn < 3) found.push(`the chart ${id} shows ${drawn} colours`);
    const place = page.locator(`[data-chart="${id}"] .plot`);
    await place.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    const readout = await page.locator(`#${id}-readout`).textContent();
    const second = new Date((await page.evaluate((id) => JSON.parse(document.getElementById('charts').textContent).find((it) => it.id === id).days[1], id)) * 1000);
    if (!readout.includes(String(second.getUTCFullYear())) || !/^\d+ \w+ \d{4}: \S/.test(readout)) found.push(`arrow keys on ${id} tell ${JSON.stringify(readout)}`);
  }
  return found;
}
