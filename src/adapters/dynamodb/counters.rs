//! Counters that all processes share: one conditional addition each.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{DynamoStore, keys, number, unavailable};
use crate::ports::counter::{Counted, Counter, Counters};
use crate::ports::store::StoreError;

const STEP: &str = "counting";

impl Counters for DynamoStore {
    async fn count(&self, counter: &Counter, most: u64) -> Result<Counted, StoreError> {
        let key = keys::counter(counter);
        if most == 0 {
            return Ok(Counted::Exhausted);
        }
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .update_expression("ADD counted :one SET expires_at_s = :expires")
            .condition_expression("attribute_not_exists(counted) OR counted < :most")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(most))
            .expression_attribute_values(":expires", number(counter.expires_at_s))
            .return_values(ReturnValue::UpdatedNew);
        let answer = match update.send().await {
            Ok(answer) => answer,
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                return Ok(Counted::Exhausted);
            }
            Err(error) => return Err(unavailable(STEP, error)),
        };
        match answer.attributes().and_then(|item| item.get("counted")) {
            Some(AttributeValue::N(digits)) => digits.parse().map(Counted::Within).map_err(|_| digits.clone()),
            other => Err(format!("{other:?}")),
        }
        .map_err(|cause| StoreError::Corrupt { item: key.to_string(), cause: format!("its count is {cause}") })
    }
}
