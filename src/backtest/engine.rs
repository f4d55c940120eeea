//! The day loop: migrations, fills, delistings, the run of the planner, the value at the close.
//!
//! The next day hangs on what a run decides and not on its proof: who takes the turn of a run lets go of the books once it
//! has decided, and makes its plan while another worker goes on. Plans come in the order of the days, and the first one that
//! cannot be proved ends the backtest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, RangeInclusive};

use jiff::civil::Date;

use super::benchmark::{Basket, uncapped_shares};
use super::history::{AssetIndex, Day, History};
use super::ledger::{Ledger, Wanted, counted, last_price};
use super::market::{Identity, planning_input};
use super::record::{Backtest, Ending, Event, EventKind, Fate, OVERTAKEN, Record, Run, RunOutcome};
use super::settings::{FillAt, Settings};
use super::valuation::{Books, Stretch, Valued, told};
use crate::model::{AssetId, Decimal, Money, PlanningInput, Policy, PortfolioState, Price};
use crate::parallel::{Crew, Turn, in_turns};
use crate::planning::{Intent, PlanError, RebalancePlan, plan_telling};
use crate::preparation::migration::{self, Migration};
use crate::preparation::{BadInput, PreparationError};

/// Days after which an order whose asset has no close fills at the last known one.
const LONGEST_WAIT: usize = 3;
/// Days between two samples of weights, at least, where fills are frequent.
const SAMPLE_DAYS: usize = 7;

/// An order that has not filled: its place among the run's orders.
#[derive(Debug, Clone)]
struct Pending {
    run: usize,
    order: usize,
    planned_on: Day,
    wanted: Wanted,
}

struct Engine<'a> {
    /// Days that are still to come.
    days: RangeInclusive<Day>,
    first: Day,
    last: Day,
    /// A run is due that the schedule asked for, today or on a day that could not have it.
    due: bool,
    policy: &'a Policy,
    history: &'a History,
    settings: &'a Settings,
    identity: Identity,
    ledger: Ledger,
    state: PortfolioState,
    pending: Vec<Pending>,
    bitcoin: Option<(AssetIndex, Basket)>,
    index: Basket,
    sampled_on: Option<Day>,
    /// Migrations that are done, by their place.
    migrated: BTreeSet<usize>,
    /// Whether anything filled today.
    traded: bool,
    /// Of every run, what became of its orders.
    fates: Vec<Vec<Fate>>,
    events: Vec<Event>,
    /// Closes that nobody has valued yet.
    stretches: Vec<Stretch>,
}

/// Runs a policy through a period; more than two workers find little to do. `on_plan` sees every plan, in order, with the
/// day whose close it was made from.
///
/// # Errors
/// When the period has no day in the history, or an input of the backtest itself is not sound. What ends a single run
/// is told in its record.
pub fn run(
    policy: &Policy,
    history: &History,
    settings: &Settings,
    crew: Crew,
    mut on_plan: impl FnMut(Date, &RebalancePlan),
) -> Result<Backtest, PreparationError> {
    let mut engine = Engine::new(policy, history, settings)?;
    let mut record = Record::default();
    let ended = in_turns(&mut engine, crew, next_run, |told| match told {
        Ok(Told { valued, run }) => {
            record.days(valued);
            if let Some((run, plan)) = run {
                if let Some(plan) = plan {
                    on_plan(run.date, &plan);
                }
                record.run(run);
            }
            ControlFlow::Continue(())
        }
        Err(error) => ControlFlow::Break(error),
    });
    match ended {
        ControlFlow::Continue(()) => Ok(engine.finish(record)),
        ControlFlow::Break(error) => Err(error),
    }
}

/// What comes of a turn: days up to one with a run, and the run.
struct Told {
    valued: Vec<Valued>,
    run: Option<Planned>,
}

/// A run's record, and its plan where there is one.
type Planned = (Run, Option<RebalancePlan>);

/// Goes on to the close of the next day with a run, or of the last day; nothing where no day is left.
fn next_run(mut engine: Turn<'_, &mut Engine<'_>>) -> Option<Result<Told, PreparationError>> {
    let history = engine.history;
    let (stretches, run) = match engine.go_on() {
        Ok(None) if engine.stretches.is_empty() => return None,
        Ok(None) => (over(engine, Engine::hand_over), Ok(None)),
        Ok(Some((day, Due::Refused(run)))) => (over(engine, |engine| engine.refuse(day)), Ok(Some((run, None)))),
        Ok(Some((day, Due::Possible(input)))) => {
            let (stretches, planned) = planned(engine, day, &input);
            (stretches, planned.map(Some))
        }
        Err(error) => (over(engine, Engine::stop), Err(error)),
    };
    // Days come before what ended them.
    let valued: Result<Vec<Valued>, BadInput> = stretches.iter().map(|stretch| stretch.valued(history)).collect();
    Some(valued.map_err(PreparationError::from).and_then(|valued| Ok(Told { valued, run: run? })))
}

/// The last of a turn.
fn over<'a, R>(mut engine: Turn<'_, &mut Engine<'a>>, last: impl FnOnce(&mut Engine<'a>) -> R) -> R {
    last(&mut engine)
}

/// Plans a run that is due. The turn is over, and the stretches up to that day's close are known, once it is decided.
fn planned(
    engine: Turn<'_, &mut Engine<'_>>,
    day: Day,
    input: &PlanningInput,
) -> (Vec<Stretch>, Result<Planned, PreparationError>) {
    let date = engine.history.date(day);
    let mut undecided = Some(engine);
    let mut stretches = Vec::new();
    let plan = plan_telling(input, |intent| {
        if let Some(engine) = undecided.take() {
            stretches = over(engine, |engine| {
                engine.adopt(day, input, intent);
                engine.end_day(day);
                engine.hand_over()
            });
        }
    });
    match (plan, undecided) {
        (Ok(plan), _) => (stretches, Ok((Run::of(date, &plan, &input.state), Some(plan)))),
        (Err(error), None) => (stretches, Err(defect(date, &error).into())),
        (Err(error), Some(engine)) if error.is_defect() => {
            (over(engine, Engine::stop), Err(defect(date, &error).into()))
        }
        (Err(error), Some(engine)) => {
            let run = Run::refused(date, RunOutcome::NoPlan, error.to_string());
            (over(engine, |engine| engine.refuse(day)), Ok((run, None)))
        }
    }
}

/// A run that is due.
enum Due {
    Possible(Box<PlanningInput>),
    Refused(Run),
}

/// A defect of the planner is not a result of the policy.
fn defect(date: Date, error: &PlanError) -> BadInput {
    BadInput::new("backtest", "plan", &date.to_string(), error.to_string(), "report it")
}

fn too_many_units(migration: &Migration, date: Date) -> BadInput {
    let problem = format!("on {date} more units of {} would come of it than can be counted here, 1e18", migration.to);
    let remedy = "look for a wrong ratio, or begin with less";
    BadInput::new("migration", "ratio", &migration.ratio.to_string(), problem, remedy)
}

fn period(history: &History, settings: &Settings) -> Result<(Day, Day), BadInput> {
    let day = |field: &str, date: Date| {
        history.day(date).ok_or_else(|| {
            let problem = "the history that was loaded does not have this day";
            BadInput::new("backtest", field, &date.to_string(), problem, "load the period that is asked for")
        })
    };
    let (first, last) = (day("from", settings.from)?, day("to", settings.to)?);
    if last < first {
        let problem = format!("it is before {}", settings.from);
        return Err(BadInput::new("backtest", "to", &settings.to.to_string(), problem, "give a later day"));
    }
    Ok((first, last))
}

impl<'a> Engine<'a> {
    fn new(policy: &'a Policy, history: &'a History, settings: &'a Settings) -> Result<Self, PreparationError> {
        let (first, last) = period(history, settings)?;
        let costs = settings.charged.costs(&policy.costs);
        let opening = settings.opening_cash;
        let bitcoin = bitcoin(history, settings, first)?;
        Ok(Self {
            days: first..=last,
            first,
            last,
            due: true,
            policy,
            history,
            settings,
            identity: Identity::new()?,
            ledger: Ledger::new(opening, costs, settings.fee_basis),
            state: PortfolioState::default(),
            pending: Vec::new(),
            bitcoin: bitcoin.map(|asset| (asset, Basket::of_cash(opening.get()))),
            index: Basket::of_cash(opening.get()),
            sampled_on: None,
            migrated: BTreeSet::new(),
            traded: false,
            fates: Vec::new(),
            events: Vec::new(),
            stretches: Vec::new(),
        })
    }

    /// Goes on to the next day on which a run is due, through the closes of all before it.
    fn go_on(&mut self) -> Result<Option<(Day, Due)>, PreparationError> {
        while let Some(day) = self.days.next() {
            if let Some(due) = self.begin_day(day)? {
                return Ok(Some((day, due)));
            }
            self.end_day(day);
        }
        Ok(None)
    }

    /// Ends it all: no day is left, and the closes so far are handed over.
    fn stop(&mut self) -> Vec<Stretch> {
        self.days = RangeInclusive::new(1, 0);
        self.hand_over()
    }

    /// Hands over the closes so far.
    fn hand_over(&mut self) -> Vec<Stretch> {
        std::mem::take(&mut self.stretches)
    }

    /// A day up to its run, if one is due.
    fn begin_day(&mut self, day: Day) -> Result<Option<Due>, PreparationError> {
        self.migrate(day)?;
        // What is gone can be neither bought nor sold on that day.
        self.pay_out_gone(day);
        self.traded = self.fill_pending(day);
        self.due |= self.settings.schedule.includes(self.history.date(day));
        let rests = self.settings.rests_on_last_day && day == self.last && day != self.first;
        if self.due && !rests { self.run_due(day).map(Some) } else { Ok(None) }
    }

    fn migrate(&mut self, day: Day) -> Result<(), PreparationError> {
        let (history, date) = (self.history, self.history.date(day));
        for (place, migration) in history.migrations().iter().enumerate() {
            // Units of something without a price yet would be worth nothing: the exchange waits for it.
            let priced = history.find(&migration.to).is_some_and(|to| history.price(to, day).is_some());
            if migration.on > date || !priced || !self.migrated.insert(place) {
                continue;
            }
            let mut notices = Vec::new();
            let mut nothing_held = crate::model::AccountSnapshot {
                observed_at: history.known_at(day)?,
                cash_free: Money::ZERO,
                cash_locked: Money::ZERO,
                holdings: BTreeMap::new(),
            };
            migration::apply(migration, &mut nothing_held, &mut self.state, &mut notices)?;
            let Some((from, to)) = history.find(&migration.from).zip(history.find(&migration.to)) else { continue };
            self.give_up(|asset| asset == from, "its asset was exchanged before it could fill");
            for basket in self.bitcoin.iter_mut().map(|(_, basket)| basket).chain([&mut self.index]) {
                basket.exchange(from, to, migration.ratio.get());
            }
            let held = self.ledger.held(from);
            if held.is_zero() {
                continue;
            }
            let value = last_price(history, from, day).map_or(Money::ZERO, |(_, price)| price.value_of(held));
            let Some(units) = self.ledger.exchange(from, to, migration.ratio, value) else {
                return Err(too_many_units(migration, date).into());
            };
            let sentence = format!("{held} {} became {units} {} at {}", migration.from, migration.to, migration.ratio);
            self.event(day, EventKind::Migration, from, None, sentence);
        }
        Ok(())
    }

    fn event(&mut self, day: Day, kind: EventKind, asset: AssetIndex, value_change: Option<Money>, sentence: String) {
        let symbol = self.history.asset(asset).map(|it| it.label(day).symbol).unwrap_or_default();
        let date = self.history.date(day);
        self.events.push(Event { date, kind, asset, symbol, value_change, sentence });
    }

    /// Fills what can be filled on this day, sells before buys. Whether anything was.
    fn fill_pending(&mut self, day: Day) -> bool {
        let mut traded = false;
        for mut pending in std::mem::take(&mut self.pending) {
            let found = self.fill_price(day, &pending);
            let Some((price, remark)) = found else {
                self.pending.push(pending);
                continue;
            };
            pending.wanted.price = price;
            let fill = self.ledger.fill(&pending.wanted, self.history.date(day));
            traded |= fill.is_some();
            let included = self.settings.fee_basis == super::FeeBasis::Included;
            let asked = counted(pending.wanted.quantity.get(), price);
            let is_partial = fill.as_ref().is_some_and(|fill| fill.quantity.get() < asked);
            let note = match fill {
                None => "nothing was left to trade with".to_owned(),
                Some(_) if is_partial && !included => join(remark, "cut to the cash or holding that was left"),
                Some(_) => remark.to_owned(),
            };
            if let Some(fate) = self.fate(&pending) {
                *fate = Fate { fill, note };
            }
        }
        traded
    }

    /// Takes back the orders for some assets and notes why.
    fn give_up(&mut self, whose: impl Fn(AssetIndex) -> bool, why: &str) {
        let (given_up, kept) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| whose(pending.wanted.asset));
        self.pending = kept;
        let given_up: Vec<Pending> = given_up;
        for pending in given_up {
            if let Some(fate) = self.fate(&pending) {
                why.clone_into(&mut fate.note);
            }
        }
    }

    fn fate(&mut self, pending: &Pending) -> Option<&mut Fate> {
        self.fates.get_mut(pending.run)?.get_mut(pending.order)
    }

    fn fill_price(&self, day: Day, pending: &Pending) -> Option<(Price, &'static str)> {
        let asset = self.history.asset(pending.wanted.asset)?;
        if self.settings.fill == FillAt::SameClose {
            return Some((pending.wanted.price, ""));
        }
        if let Some(close) = asset.close(day).filter(|_| day > pending.planned_on) {
            return Some((close, ""));
        }
        let waited = day - pending.planned_on >= LONGEST_WAIT;
        waited.then_some((pending.wanted.price, "no close for three days: filled at the one of the plan"))
    }

    /// Writes down and pays out what no source knows any more.
    fn pay_out_gone(&mut self, day: Day) {
        let (history, settings) = (self.history, self.settings);
        let price = |asset: AssetIndex| delisting_price(history, settings, asset, day);
        for basket in self.bitcoin.iter_mut().map(|(_, basket)| basket).chain([&mut self.index]) {
            basket.pay_out_gone(history, day, price);
        }
        self.give_up(|asset| history.is_gone(asset, day), "its asset was gone before it could fill");
        let gone: Vec<AssetIndex> =
            self.ledger.holdings.keys().copied().filter(|asset| history.is_gone(*asset, day)).collect();
        for asset in gone {
            let held = self.ledger.held(asset);
            let before = last_price(history, asset, day).map_or(Money::ZERO, |(_, price)| price.value_of(held));
            let paid = self.ledger.pay_out(asset, price(asset));
            let _ = history.asset(asset).map(|it| self.state.members.remove(&it.id));
            let why = history.coins_without(asset, day).map_or_else(
                || "no source knows it any more".to_owned(),
                |coins| {
                    format!("it is not among the {coins} coins of the snapshot any more and has no close, so it counts as gone")
                },
            );
            let sentence = format!(
                "{why}; {held} units, last worth {}, paid out {}",
                before.get().round_dp(2),
                paid.get().round_dp(2)
            );
            self.event(day, EventKind::Delisting, asset, Some(paid - before), sentence);
        }
    }

    /// What a run on this day's close plans on, or why it cannot.
    fn run_due(&mut self, day: Day) -> Result<Due, PreparationError> {
        let (history, date) = (self.history, self.history.date(day));
        let _ = told(self.ledger.value(history, day), date)?;
        if let Some(why) = self.without_price(day) {
            return Ok(Due::Refused(Run::refused(date, RunOutcome::Guarded, why)));
        }
        match planning_input(history, day, self.policy, &self.identity, &self.ledger, &self.state) {
            Ok(input) => Ok(Due::Possible(Box::new(input))),
            Err(PreparationError::Guarded(violations)) => {
                let why = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                Ok(Due::Refused(Run::refused(date, RunOutcome::Guarded, why)))
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a day whose run has no plan; another one is due on the next.
    fn refuse(&mut self, day: Day) -> Vec<Stretch> {
        self.fates.push(Vec::new());
        self.end_day(day);
        self.hand_over()
    }

    /// Why a run would not know what the portfolio is worth: something is held that has no price, and is not gone.
    fn without_price(&self, day: Day) -> Option<String> {
        let history = self.history;
        let is_unknown =
            |asset: &&AssetIndex| history.price(**asset, day).is_none() && !history.awaits_exchange(**asset, day);
        let asset = *self.ledger.holdings.keys().find(is_unknown)?;
        let since = last_price(history, asset, day)
            .map_or_else(String::new, |(from, _)| format!(" since {}", history.date(from)));
        let label = history.asset(asset)?.label(day);
        Some(format!("{} is held, is not gone and has no price{since}", label.symbol))
    }

    /// Takes what a run decided for done.
    fn adopt(&mut self, day: Day, input: &PlanningInput, intent: &Intent<'_>) {
        self.due = false;
        // What an earlier run wanted and did not get is the new plan's business.
        self.give_up(|_| true, OVERTAKEN);
        let shares = uncapped_shares(self.history, input, intent.constituents());
        if !shares.is_empty() {
            self.index.turn_into(&shares, self.history, day);
        }
        let run = self.fates.len();
        let mut fates = Vec::new();
        for (order, trade) in intent.trades().enumerate() {
            fates.push(Fate::default());
            let Some(asset) = self.history.find(trade.asset) else { continue };
            let record = input.assets.get(trade.asset);
            let wanted = Wanted {
                asset,
                side: trade.side,
                quantity: trade.quantity,
                price: trade.reference_price,
                average_daily_volume: record.and_then(|record| record.average_daily_volume),
            };
            self.pending.push(Pending { run, order, planned_on: day, wanted });
        }
        self.fates.push(fates);
        self.state = intent.next_state();
        if self.settings.fill == FillAt::SameClose {
            self.traded |= self.fill_pending(day);
        }
    }

    /// A day after its run, if there was one.
    fn end_day(&mut self, day: Day) {
        let (history, date) = (self.history, self.history.date(day));
        if let Some((asset, basket)) = self.bitcoin.as_mut().filter(|(_, basket)| !basket.is_invested()) {
            basket.turn_into(&BTreeMap::from([(*asset, Decimal::ONE)]), history, day);
        }
        let rested = self.sampled_on.is_none_or(|before| day - before >= SAMPLE_DAYS);
        let after_fills = self.traded && rested;
        if after_fills {
            self.sampled_on = Some(day);
        }
        let sampled = after_fills || date.day() == date.days_in_month() || day == self.last;
        let bitcoin = self.bitcoin.as_ref().map(|(_, basket)| basket);
        let books = Books { ledger: &self.ledger, bitcoin, uncapped: &self.index };
        books.close(day, sampled, &mut self.stretches);
    }

    fn finish(mut self, record: Record) -> Backtest {
        self.give_up(|_| true, "the period ended before it could fill");
        let worths = self.ledger.worths(self.history, self.last);
        let final_holdings = worths.map(|(asset, worth)| (asset, worth.unwrap_or_default())).collect();
        let earnings = self.ledger.earnings;
        record.finish(Ending {
            opening: self.settings.opening_cash,
            fates: self.fates,
            events: self.events,
            earnings,
            final_holdings,
        })
    }
}

fn join(first: &str, second: &str) -> String {
    if first.is_empty() { second.to_owned() } else { format!("{first}; {second}") }
}

/// The last known price, or what would have kept the asset in the snapshots if that is less; of that the part that
/// comes back.
fn delisting_price(history: &History, settings: &Settings, asset: AssetIndex, day: Day) -> Decimal {
    let last = last_price(history, asset, day).map_or(Decimal::ZERO, |(_, price)| price.get());
    let bound = history.price_bound(asset, day).map_or(last, |bound| bound.get().min(last));
    bound * settings.delisting_recovery.get()
}

/// What the portfolio is measured against: what was asked for, or of the usual ids the one that has a price first.
fn bitcoin(history: &History, settings: &Settings, first: Day) -> Result<Option<AssetIndex>, BadInput> {
    let priced_from = |index: AssetIndex| {
        let priced_later = history.asset(index)?.first_close_after(first);
        if history.price(index, first).is_some() { Some(first) } else { priced_later }
    };
    if let Some(asked) = &settings.bitcoin {
        return history.find(asked).filter(|index| priced_from(*index).is_some()).map(Some).ok_or_else(|| {
            let problem = "no source has a price of this asset";
            BadInput::new("backtest", "benchmark", asked.as_str(), problem, "give the id of an asset of the data")
        });
    }
    let named = ["bitcoin", "btc"].into_iter().filter_map(|id| AssetId::new(id).ok().and_then(|id| history.find(&id)));
    let priced = named.filter_map(|index| priced_from(index).map(|from| (from, index)));
    Ok(priced.min_by_key(|(from, _)| *from).map(|(_, index)| index))
}
