//! A tonic client of one host.

use std::net::SocketAddr;

use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};
use tonic_service::hello::greeter_client::GreeterClient;
use tonic_service::hello::{Greeting, Name};

/// A client whose calls have this authority.
pub(crate) async fn client(address: SocketAddr, authority: &str) -> GreeterClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let origin = format!("http://{authority}").parse().unwrap();
    GreeterClient::new(endpoint.origin(origin).connect().await.unwrap())
}

/// Has Ada greeted.
pub(crate) async fn greet(address: SocketAddr, authority: &str) -> Result<Response<Greeting>, Status> {
    client(address, authority).await.greet(Name { name: "Ada".to_owned() }).await
}
