//! The messages of the example, and the server and client that `build.rs` writes.

/// The package `hello`.
pub mod hello {
    /// Whom to greet.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct Name {
        /// By this name.
        #[prost(string, tag = "1")]
        pub name: String,
    }

    /// The answer.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct Greeting {
        /// A line for the caller.
        #[prost(string, tag = "1")]
        pub text: String,
    }

    #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::missing_errors_doc)]
    mod generated {
        include!(concat!(env!("OUT_DIR"), "/hello.Greeter.rs"));
    }

    pub use generated::*;
}
