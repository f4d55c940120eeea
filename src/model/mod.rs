//! Value types with checked constructors.
//!
//! Everything the planner reads or writes is one of these. Each type refuses what it cannot mean: a
//! [`Price`] is positive, an [`AssetId`] is lower-case ASCII, a [`Quantity`] is never negative. There is no
//! floating point, clock, environment or I/O here, and a test reads the source to keep it so.

pub mod account;
pub mod alert;
pub mod amount;
pub mod asset;
mod digits;
pub mod grade;
pub mod history;
pub mod identifier;
pub mod input;
pub mod number;
pub mod order;
pub mod policy;
pub mod risk;
pub mod schedule;
pub mod schema;
mod text;

pub use account::{AccountSnapshot, Holding};
pub use amount::{BasisPoints, DualPrice, Money, Price, Quantity, Rate, Tick, Weight, Worth};
pub use asset::{AssetRecord, Listing, ListingStatus};
pub use grade::{Dated, Grade, GradeRecord, Signal};
pub use history::PriceHistory;
pub use identifier::{AccountId, AssetId, CategoryId, InstrumentId, InvalidId, PortfolioId, VenueId};
pub use input::{Flow, PlanningInput, PortfolioState, RegimeObservation, RunIdentity, Trigger};
pub use number::{Decimal, InvalidNumber, NumberFault};
pub use order::{Order, Side};
pub use policy::Policy;
pub use schedule::Environment;
