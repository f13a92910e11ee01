//! `tms-server secrets`: what access tokens are signed with.

use std::time::Duration;

use secrecy::SecretString;

use super::{Done, tell};
use crate::cli::SecretsCommand;
use crate::rotate::rotate_signing_secret;
use crate::token::WHOLE_OVERLAP;

pub(crate) async fn run(database_url: &SecretString, command: SecretsCommand) -> Done {
    let SecretsCommand::Rotate { overlap } = command;
    rotate_signing_secret(database_url, overlap).await?;
    let shown = humantime::format_duration(overlap);
    tell(match overlap {
        Duration::ZERO => {
            "rotated; tokens of the earlier secret have ended, and clients exchange their keys again"
                .to_owned()
        }
        _ if overlap < WHOLE_OVERLAP => {
            format!("rotated; tokens of the earlier secret end in {shown}, some of them before their time")
        }
        _ => format!(
            "rotated; tokens of the earlier secret work for {shown} more, which is longer than they live"
        ),
    });
    tell("a server that has SECRET goes on with that one");
    Ok(())
}
