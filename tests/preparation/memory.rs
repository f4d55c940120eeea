//! What one run leaves behind for the guards of the next, over several runs.

use index_rebalancer::model::policy::GradeKind;
use index_rebalancer::model::{PlanningInput, PortfolioState, Price};
use index_rebalancer::planning::plan;

use crate::cases::asset;
use crate::workspace::{INVESTOR_GRADES, MARKET, POLICY, Workspace};

/// Prepares and plans a run after this state, and settles it.
fn run(workspace: &Workspace, state: Option<PortfolioState>) -> (PlanningInput, PortfolioState) {
    let input = workspace.plan_from(state).expect("planned");
    let plan = plan(&input).expect("a plan");
    (input, plan.next_state)
}

/// The clean case with a candidate too small to be in the index.
fn with_dust(workspace: &Workspace, price: &str) {
    let dust = format!("dust-coin,DUST,Dust,,{price},5,,,,2025-04-16T00:00:00Z\n");
    workspace.write("market.csv", &format!("{MARKET}{dust}"));
}

fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

#[test]
fn a_price_that_jumped_stays_refused_until_somebody_confirms_it() {
    let dust = asset("dust-coin");
    let workspace = Workspace::new();
    with_dust(&workspace, "0.1");
    let (_, mut state) = run(&workspace, None);
    assert_eq!(state.last_prices.get(&dust), Some(&price("0.1")));
    with_dust(&workspace, "0.001");
    for again in 2..=4 {
        let (input, next) = run(&workspace, Some(state));
        assert!(!input.assets.contains_key(&dust), "run {again} takes the price that run 2 refused");
        assert!(
            input.notices.iter().any(|notice| notice.starts_with("max_price_jump: 1 candidate dropped: dust-coin")
                && notice.contains("guards.confirmed_prices")),
            "run {again}: {:?}",
            input.notices
        );
        assert_eq!(next.last_prices.get(&dust), Some(&price("0.1")), "run {again}");
        state = next;
    }
    // A market file without the coin does not make it forgotten either.
    workspace.write("market.csv", MARKET);
    let (_, state) = run(&workspace, Some(state));
    assert_eq!(state.last_prices.get(&dust), Some(&price("0.1")));

    with_dust(&workspace, "0.001");
    workspace.edit(
        "policy.toml",
        "max_price_jump = \"3\"",
        "max_price_jump = \"3\"\nconfirmed_prices = { dust-coin = \"0.0011\" }",
    );
    let (input, state) = run(&workspace, Some(state));
    assert!(input.assets.contains_key(&dust), "{:?}", input.notices);
    assert_eq!(state.last_prices.get(&dust), Some(&price("0.001")));
    // Once a run has seen it the entry is not needed any more.
    workspace.edit("policy.toml", "confirmed_prices = { dust-coin = \"0.0011\" }", "");
    assert!(run(&workspace, Some(state)).0.assets.contains_key(&dust));
}

#[test]
fn a_confirmed_price_admits_no_other() {
    let remembered = |confirmed: &str| {
        let workspace = Workspace::new();
        let entry = format!("max_price_jump = \"3\"\nconfirmed_prices = {{ ethereum = \"{confirmed}\" }}");
        workspace.edit("policy.toml", "max_price_jump = \"3\"", &entry);
        let mut state = workspace.load().expect("the clean case").opening_state();
        let _ = state.last_prices.insert(asset("ethereum"), price("160000"));
        workspace.plan_from(Some(state)).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(remembered("1500"), Ok(()));
    let refused = remembered("500").expect_err("1600 is more than three times 500");
    assert!(refused.contains("max_price_jump: assets.ethereum.price"), "{refused}");
}

#[test]
fn a_signal_is_remembered_over_a_day_without_it() {
    let workspace = Workspace::new();
    let (_, state) = run(&workspace, None);
    let known = state.last_signals[&asset("solana")];
    workspace.edit("trading_signals.json", "\"TOKEN_ID\": 3719", "\"TOKEN_ID\": 3720");
    let (input, state) = run(&workspace, Some(state));
    assert!(input.assets[&asset("solana")].grades.signal.is_none());
    assert_eq!(state.last_signals.get(&asset("solana")), Some(&known));
}

/// The clean case without a regime, so that no signal is looked at.
fn graded_index() -> Workspace {
    let workspace = Workspace::new();
    let (before, regime) = POLICY.split_once("[regime]").expect("a regime");
    let (_, after) = regime.split_once("[drift_band]").expect("a band");
    workspace.write("policy.toml", &format!("{before}[drift_band]{after}"));
    workspace
}

/// Replaces the clean case's three investor grades.
fn regrade(workspace: &Workspace, grades: [&str; 3]) {
    let mut answer = INVESTOR_GRADES.to_owned();
    for (from, to) in ["80.5", "61", "55"].into_iter().zip(grades) {
        answer = answer.replace(&format!("\"TM_INVESTOR_GRADE\": {from}"), &format!("\"TM_INVESTOR_GRADE\": {to}"));
    }
    workspace.write("investor_grades.json", &answer);
}

#[test]
fn grades_turned_round_end_the_run_without_a_regime_and_on_every_day_until_confirmed() {
    let workspace = graded_index();
    let (_, state) = run(&workspace, None);
    assert_eq!(state.last_grades[&GradeKind::Investor].len(), 3);
    regrade(&workspace, ["19.5", "39", "45"]);
    let refused = workspace.plan_from(Some(state.clone())).expect_err("a mass flip").to_string();
    assert!(refused.contains("max_grade_flips: grades: 3 of 3 pairs"), "{refused}");
    // One pair of three may turn, and equal grades have no order to turn.
    regrade(&workspace, ["60", "61", "55"]);
    assert!(workspace.plan_from(Some(state.clone())).is_ok());
    regrade(&workspace, ["50", "50", "50"]);
    assert!(workspace.plan_from(Some(state.clone())).is_ok());
    // The operator's way on.
    regrade(&workspace, ["19.5", "39", "45"]);
    workspace.edit("policy.toml", "max_signal_flips", "max_grade_flips = \"1\"\nmax_signal_flips");
    let (_, state) = run(&workspace, Some(state));
    workspace.edit("policy.toml", "max_grade_flips = \"1\"\n", "");
    assert!(workspace.plan_from(Some(state)).is_ok(), "what was accepted is what is compared with");
}

#[test]
fn grades_of_another_kind_are_not_compared() {
    let workspace = graded_index();
    let (_, state) = run(&workspace, None);
    // By trader grade, solana is above ethereum; what matters is that nothing of the kind is remembered.
    workspace.edit("policy.toml", "grade = \"investor\"", "grade = \"trader\"");
    workspace.edit("trader_grades.json", "66.25", "0.25");
    let (_, state) = run(&workspace, Some(state));
    assert_eq!(state.last_grades.keys().copied().collect::<Vec<_>>(), [GradeKind::Trader, GradeKind::Investor]);
}

#[test]
fn a_state_stored_by_an_older_build_is_read() {
    let workspace = Workspace::new();
    let mut stored = serde_json::to_value(run(&workspace, None).1).expect("a value");
    assert!(stored.as_object_mut().expect("an object").remove("last_grades").is_some());
    let state: PortfolioState = serde_json::from_value(stored.clone()).expect("an older state");
    assert_eq!(serde_json::to_value(&state).expect("a value"), stored, "its bytes and so its digest stay the same");
    assert!(workspace.plan_from(Some(state)).is_ok());
}
