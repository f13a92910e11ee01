//! Writes the server and the client of the service `hello.Greeter`.
//!
//! A service with a `.proto` file has `tonic_prost_build::compile_protos("proto/hello.proto")` here, and needs `protoc`. The one
//! method of this example is said in Rust, so that it builds without.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let greet = Method::builder()
        .name("greet")
        .route_name("Greet")
        .input_type("crate::hello::Name")
        .output_type("crate::hello::Greeting")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let greeter = Service::builder().name("Greeter").package("hello").method(greet).build();
    Builder::new().compile(&[greeter]);
}
