// The page of a run says what its JSON document says.
import { compare, literally } from './tables.mjs';

export async function run(page, report) {
  const weights = [
    ...report.positions.map((it) => ({ before: it.weight_before, reference: it.reference_weight, after: it.weight_after })),
    { before: report.cash.weight_before, reference: report.cash.reference_weight, after: report.cash.weight_after },
  ];
  const filled = report.orders.filter((it) => it.result && Number(it.result.filled_quantity) > 0);
  const { execution } = report;
  const traded = (it) => (it.result ? it.result.filled_notional : null);
  const total = { result: { ...execution, fee: execution.fees, filled_notional: null } };
  const found = [
    ...await compare(page, 'weights-table', weights, { Before: (it) => it.before, Reference: (it) => it.reference, After: (it) => it.after }),
    ...await compare(page, 'orders-table', report.orders, {
      Order: (it) => new RegExp(`^${it.side} ?${it.instrument.replace(/[^\w]/g, '.')} ${it.key}$`),
      Quantity: (it) => it.quantity,
      'Limit price': (it) => it.limit_price,
      Notional: (it) => it.notional,
      Average: (it) => it.result.average_price ?? null,
      Fee: (it) => it.result.fee,
      State: (it) => literally(it.result.state.replaceAll('_', ' ')),
    }),
    ...await compare(page, 'costs-table', [...filled, total], {
      Traded: traded,
      Expected: (it) => it.result.estimated_cost,
      Fee: (it) => it.result.fee,
      Slippage: (it) => it.result.slippage,
      Actual: (it) => it.result.cost,
    }),
    ...await compare(page, 'checks-table', report.certificate.checks, {
      Limit: (it) => new RegExp(`${it.limit.replace(/[^\w]/g, '.')}$`),
      Value: (it) => it.left_side,
      Room: (it) => it.slack,
    }),
    ...await compare(page, 'limits-table', report.certificate.families, { Checks: (it) => it.checks, Room: (it) => it.tightest.slack }),
    ...await compare(page, 'relaxations-table', report.relaxations, { Limit: (it) => literally(it.limit), 'Moved by': (it) => it.amount }),
    ...await compare(page, 'exclusions-table', report.exclusions, { Why: (it) => literally(it.why) }),
  ];
  const text = await page.evaluate(() => document.body.textContent);
  for (const position of report.positions.filter((it) => !it.traded)) {
    const told = ['in_band', 'on_target'].includes(position.reason) ? position.asset : position.sentence;
    if (!text.includes(told)) found.push(`why ${position.asset} was not traded is not told`);
  }
  const tiles = await page.evaluate(() => document.querySelectorAll('.treemap svg.wide > svg').length);
  const held = weights.filter((it) => Number(it.after) >= 0.0001).length;
  if (tiles !== held) found.push(`the treemap has ${tiles} tiles for ${held} holdings`);
  const areas = await page.evaluate(() => [...document.querySelectorAll('.treemap svg.wide > svg')].map((it) => {
    const part = (name) => parseFloat(it.getAttribute(name)) / 100;
    return part('width') * part('height');
  }));
  const whole = weights.map((it) => Number(it.after)).filter((it) => it >= 0.0001).sort((a, b) => b - a);
  const sum = whole.reduce((a, b) => a + b, 0);
  areas.forEach((area, at) => {
    if (Math.abs(area - whole[at] / sum) > 0.001) found.push(`tile ${at + 1} covers ${area} for a weight of ${whole[at]}`);
  });
  return found;
}
