//! [`List`]: all tenants and the place in the feed to go on from, read row by row.

use reqwest::Response;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tenant_core::{TenantBody, TenantId};

use crate::client::TmsClient;
use crate::cursor::Cursor;
use crate::error::TmsError;
use crate::found::Found;
use crate::rows::{Rows, RowsError};
use crate::transport::{Answer, next_bytes};

/// The answer to `GET /tenant`.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) rows: Vec<Found>,
    /// The place in the order of changes at which it was read; a TMS without a feed says none.
    pub(crate) cursor: Option<Cursor>,
}

impl TmsClient {
    /// Reads the list of all tenants. What is no tenant by our rules is left out, with a warning.
    pub(crate) async fn read_list(&self) -> Result<List, TmsError> {
        let limits = self.limits();
        let response = self.open("/tenant", HeaderMap::new(), limits.list_timeout).await?;
        if !response.status().is_success() {
            return Err(Answer::read(response, limits.max_answer).await?.failure());
        }
        let cursor = response.headers().get("x-cursor").and_then(|value| value.to_str().ok());
        let cursor = cursor.and_then(Cursor::parse);
        Ok(List { rows: self.read_rows(response).await?, cursor })
    }

    async fn read_rows(&self, mut response: Response) -> Result<Vec<Found>, TmsError> {
        let limits = self.limits();
        let (mut rows, mut size) = (Rows::new(limits.max_answer), 0);
        let (mut found, mut fault) = (Vec::new(), None);
        while let Some(bytes) = next_bytes(&mut response, self.timeout()).await? {
            size += bytes.len();
            if size > limits.max_list {
                return Err(TmsError::protocol("the list of tenants is too big"));
            }
            let add = |row: &[u8]| match listed(row) {
                Ok(listed) => found.extend(listed),
                Err(error) => fault = Some(error),
            };
            rows.push(&bytes, add).map_err(no_list)?;
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
        rows.finish().map_err(no_list)?;
        Ok(found)
    }
}

fn no_list(error: RowsError) -> TmsError {
    TmsError::protocol("the list of tenants is none").with_source(error)
}

/// The tenant of a row. One that is JSON and no tenant is left out; one that is no JSON spoils the list.
fn listed(row: &[u8]) -> Result<Option<Found>, TmsError> {
    let found = match serde_json::from_slice::<TenantBody>(row) {
        Ok(body) => Found::of(body),
        // The cause is left out: serde quotes the values that it does not like.
        Err(error) if error.is_data() => Err(TmsError::protocol("the row is no record of a tenant")),
        Err(_) => return Err(TmsError::protocol("a row of the list of tenants is not JSON")),
    };
    Ok(found.inspect_err(|error| warn_of(row, error)).ok())
}

fn warn_of(row: &[u8], error: &TmsError) {
    let row: Value = serde_json::from_slice(row).unwrap_or_default();
    let id = row["id"].as_str().unwrap_or_default().chars().take(TenantId::MAX_LENGTH).collect::<String>();
    tracing::warn!(tenant.id = ?id, "left out of the list: {}", error.chain());
}
