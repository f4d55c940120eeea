(() => {
  'use strict';
  const charts = JSON.parse(document.getElementById('charts').textContent);
  const drawn = new Map();
  const day = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', year: 'numeric', month: 'short', day: 'numeric' });
  const amount = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
  const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
  const percent = new Intl.NumberFormat('en-US', { style: 'percent', maximumFractionDigits: 1 });
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // The first tick of a logarithmic axis is its end, and the others are counted from there: to one digit.
  const rounded = (value, to) => {
    if (!(value > 0)) return to === Math.floor ? 1 : 10;
    const unit = 10 ** Math.floor(Math.log10(value));
    return to(value / unit) * unit;
  };

  // One upon the other: the last drawn is the lowest, so every area hides what is counted twice.
  const stacked = (series) => {
    const sums = [];
    let before = null;
    for (const { values } of series) {
      before = values.map((value, at) => value + (before ? before[at] : 0));
      sums.push(before);
    }
    return sums;
  };

  const readout = (chart, at) => {
    const place = document.getElementById(`${chart.id}-readout`);
    if (at === null || at === undefined) return;
    const told = chart.series.filter(({ values }) => chart.unit !== 'stacked_percent' || values[at] > 0)
      .map(({ name, values }) => `${name} ${chart.unit === 'money_log' ? amount.format(values[at]) : percent.format(values[at])}`);
    place.textContent = `${day.format(chart.days[at] * 1000)}: ${told.join(', ')}`;
  };

  const options = (chart, width) => {
    const money = chart.unit === 'money_log';
    const stack = chart.unit === 'stacked_percent';
    const axis = { stroke: color('faint'), grid: { stroke: color('line'), width: 1 }, ticks: { stroke: color('line'), width: 1 }, font: '12px system-ui, sans-serif' };
    const format = money ? short : percent;
    const series = chart.series.map(({ color: at }, place) => ({
      stroke: color(`series-${at}`),
      width: stack ? 0.5 : place === 0 ? 2.5 : 1.5,
      fill: stack ? color(`series-${at}`) : chart.id === 'drawdown' && place === 0 ? color('sell-soft') : undefined,
      points: { show: false },
    }));
    return {
      width,
      height: width < 560 ? 240 : 320,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      legend: { show: false },
      cursor: { sync: { key: 'days' }, points: { show: !stack } },
      scales: { x: { time: true }, y: money ? { distr: 3, range: (_, least, most) => [rounded(least, Math.floor), rounded(most, Math.ceil)] } : stack ? { range: [0, 1] } : {} },
      axes: [{ ...axis, space: width < 560 ? 36 : 50 }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : format.format(tick))) }],
      series: [{}, ...(stack ? series.toReversed() : series)],
      hooks: { setCursor: [(plot) => readout(chart, plot.cursor.idx)] },
    };
  };

  const draw = (chart, place) => {
    drawn.get(chart.id)?.destroy();
    const columns = chart.unit === 'stacked_percent' ? stacked(chart.series).toReversed() : chart.series.map(({ values }) => values);
    const plot = new uPlot(options(chart, place.clientWidth), [chart.days, ...columns], place);
    plot.root.setAttribute('aria-hidden', 'true');
    drawn.set(chart.id, plot);
  };

  const places = charts.map((chart) => [chart, document.querySelector(`[data-chart="${chart.id}"] .plot`)]);
  const drawAll = () => places.forEach(([chart, place]) => draw(chart, place));
  drawAll();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  matchMedia('print').addEventListener('change', drawAll);
  addEventListener('beforeprint', drawAll);
  addEventListener('afterprint', drawAll);
  let width = document.documentElement.clientWidth;
  addEventListener('resize', () => {
    if (width !== document.documentElement.clientWidth) drawAll();
    width = document.documentElement.clientWidth;
  });

  // A day by key: arrows one, Page a thirtieth of the whole, Home and End the ends.
  for (const [chart, place] of places) {
    let at = chart.days.length - 1;
    const show = () => {
      const plot = drawn.get(chart.id);
      plot.setCursor({ left: plot.valToPos(chart.days[at], 'x'), top: 10 });
      readout(chart, at);
    };
    place.addEventListener('keydown', (event) => {
      const far = Math.max(1, Math.round(chart.days.length / 30));
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -far, PageDown: far, Home: -chart.days.length, End: chart.days.length }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      at = Math.min(Math.max(at + step, 0), chart.days.length - 1);
      show();
    });
  }
})();
