//! The table, for local use and tests. On AWS the infrastructure template makes it, with the same keys and indexes.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use super::unavailable;
use crate::adapters::clock::SystemClock;
use crate::ports::Clock as _;
use crate::ports::store::StoreError;

/// Index of a portfolio's runs.
pub const RUNS_BY_PORTFOLIO: &str = "runs_by_portfolio";
/// Unix seconds after which DynamoDB may delete an item.
pub const TTL_ATTRIBUTE: &str = "expires_at_s";

/// Creates the table, unless it exists.
///
/// # Errors
/// When the store does not answer.
pub async fn create(client: &Client, table: &str) -> Result<(), StoreError> {
    const STEP: &str = "creating the table";
    let request = definition(client, table).map_err(|error| unavailable(STEP, error))?;
    match request.send().await {
        Ok(_) => {}
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {
            return until_made(client, table).await;
        }
        // Of two processes that begin on a new file at once, the second may be told only that its own part failed.
        Err(error) => return until_made(client, table).await.map_err(|_| unavailable(STEP, error)),
    }
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL_ATTRIBUTE).build();
    let ttl = ttl.map_err(|error| unavailable(STEP, error))?;
    let request = client.update_time_to_live().table_name(table).time_to_live_specification(ttl);
    request.send().await.map_err(|error| unavailable(STEP, error))?;
    Ok(())
}

/// Waits for a table that another process makes: it is there in parts before it can be used.
async fn until_made(client: &Client, table: &str) -> Result<(), StoreError> {
    for _ in 0..MOST_LOOKS {
        let look = look_for(client, table).await;
        let index = client.query().table_name(table).index_name(RUNS_BY_PORTFOLIO);
        let index = index.key_condition_expression("portfolio_key = :none");
        let index = index.expression_attribute_values(":none", AttributeValue::S("none".to_owned())).send().await;
        if look.is_ok() && index.is_ok() {
            return Ok(());
        }
        SystemClock.pause(LOOK_EVERY_MS).await;
    }
    look_for(client, table).await
}

const LOOK_EVERY_MS: u64 = 50;
/// Five seconds.
const MOST_LOOKS: u32 = 100;

/// Looks whether the table is there, by reading an item that no table has.
///
/// # Errors
/// [`StoreError::Invalid`] when there is no such table; else when the store does not answer.
pub async fn look_for(client: &Client, table: &str) -> Result<(), StoreError> {
    let (pk, sk) = (AttributeValue::S("nothing".to_owned()), AttributeValue::S("nothing".to_owned()));
    match client.get_item().table_name(table).key("pk", pk).key("sk", sk).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(GetItemError::is_resource_not_found_exception) => {
            let expected = "the name of a table that is there, in this account and region";
            Err(StoreError::Invalid { field: "table", value: table.to_owned(), expected })
        }
        Err(error) => Err(unavailable("looking for the table", error)),
    }
}

fn definition(client: &Client, table: &str) -> Result<CreateTableFluentBuilder, BuildError> {
    use ScalarAttributeType::{N, S};
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?);
    for (name, kind) in [("pk", S), ("sk", S), ("portfolio_key", S), ("created_at_ms", N)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()?;
        request = request.attribute_definitions(attribute);
    }
    let index = GlobalSecondaryIndex::builder()
        .index_name(RUNS_BY_PORTFOLIO)
        .key_schema(key("portfolio_key", KeyType::Hash)?)
        .key_schema(key("created_at_ms", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build());
    Ok(request.global_secondary_indexes(index.build()?))
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}
