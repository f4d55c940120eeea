use index_rebalancer::{model::*, planning, preparation::case::Case};
fn main() {
    for dir in std::env::args().skip(1) {
        println!("=== {dir}");
        let case = match Case::load(std::path::Path::new(&dir)) {
            Ok(c) => c,
            Err(e) => {
                println!("LOAD: {e}");
                continue;
            }
        };
        for account in case.accounts().take(2) {
            let mut settled = None;
            let mut state = None;
            for day in case.days() {
                let at = day.at;
                let input = match case.planning_input(
                    account,
                    Trigger::Scheduled(at),
                    at,
                    None,
                    settled.clone(),
                    state.clone(),
                ) {
                    Ok(i) => i,
                    Err(e) => {
                        println!("{account} {at} INPUT: {e}");
                        continue;
                    }
                };
                let t = std::time::Instant::now();
                match planning::plan(&input) {
                    Err(e) => println!("{account} {at} PLAN: {e}"),
                    Ok(p) => {
                        println!(
                            "{account} {at} nav {} {:?} orders {} turnover {} programs {} relax {:?} [{:?}] {}",
                            p.net_asset_value,
                            p.outcome,
                            p.orders.len(),
                            p.turnover,
                            p.solver.programs,
                            p.relaxations.iter().map(|r| format!("{} {}", r.limit, r.amount)).collect::<Vec<_>>(),
                            t.elapsed(),
                            p.regime.why
                        );
                        for x in &p.positions {
                            println!(
                                "   {:24} {:?} w {:.4} ref {:.4} after {:.4} {:?} {} {:?}",
                                x.asset.as_str(),
                                x.role,
                                x.weight_before.get(),
                                x.reference_weight.get(),
                                x.weight_after.get(),
                                x.reason.code,
                                x.reason.sentence,
                                x.reason.binding
                            );
                        }
                        println!("   cash {} -> {} ref {}", p.cash.before, p.cash.after, p.cash.reference_weight);
                        let mut acc = input.account.clone();
                        acc.cash_free = p.cash.after - acc.cash_locked;
                        for x in &p.positions {
                            acc.holdings.entry(x.asset.clone()).or_default().free =
                                x.quantity_after - acc.holdings.get(&x.asset).map(|h| h.locked).unwrap_or_default();
                        }
                        acc.holdings.retain(|_, h| !h.total().is_zero());
                        settled = Some(acc);
                        state = Some(p.next_state);
                    }
                }
            }
        }
    }
}
